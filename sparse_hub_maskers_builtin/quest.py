"""Quest: whole pages of keys, judged by the best that any key within their bounds could score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from torch.nn.functional import pad

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    choice,
    loguniform,
    resolve_size,
)


@dataclass(frozen=True)
class QuestConfig(MaskerConfig):
    """The pages of keys whose channel-wise bounds promise the highest scores, per query head.

    A page of ``page_size`` keys keeps the minimum and maximum of each channel; its score, an upper bound of q.k over
    its keys, is sum_j max(q_j min_j, q_j max_j). The heavy_size // page_size best pages are read whole, but never
    fewer than ``min_pages``, as in the authors' code. https://arxiv.org/abs/2406.10774

    Choosing reads 2 d values per page, so 2 d / page_size per key, in two matrix products: the positive channels of
    q with the maxima, the negative ones with the minima. State: both bounds of every page. Below 16 ``label_bits``
    each bound is rounded to so many levels between its own smallest and largest channel; it is stored unpacked, so
    that such an index is simulated. A page may overlap what sinks and window read. A query inside a page sees the
    bounds of the keys up to itself (the public reference lets it see those of the whole page, future keys included).
    """

    budget_field: ClassVar[str] = "heavy_size"

    heavy_size: Size = 0.1
    page_size: Annotated[int, Ge(1)] = 16
    label_bits: Annotated[int, Ge(1), Le(16)] = 16
    min_pages: Annotated[int, Ge(1)] = 3

    def create_masker(self) -> Quest:
        """Return the masker."""
        return Quest(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, and pages from a few words to a paragraph."""
        return {"heavy_size": loguniform(0.01, 0.25), "page_size": choice([8, 16, 32, 64, 128])}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the pages are the whole context."""
        if self.max_keys(num_keys) >= num_keys:
            return (
                f"heavy_size {self.heavy_size}, but at least {self.min_pages} pages of {self.page_size}, "
                f"covers the whole context of {num_keys} tokens"
            )
        return None

    def max_keys(self, num_keys: int) -> int:
        """Return the size of the chosen pages."""
        return min(num_keys, self.num_pages(num_keys) * self.page_size)

    def num_pages(self, num_keys: int) -> int:
        """Return how many pages are read of so many keys."""
        every, wanted = -(-num_keys // self.page_size), resolve_size(self.heavy_size, num_keys)
        return every if wanted == num_keys else min(every, max(self.min_pages, wanted // self.page_size))

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of both bounds, shared by the keys of a page, and of the scales of rounded ones."""
        scales = 0 if self.label_bits == 16 else 2 * 2 * 16
        return (2 * head_dim * self.label_bits + scales) / self.page_size


class Quest(Masker):
    """State per layer: the bounds of each page as they are scored, and those of the page that is not yet full."""

    def __init__(self, config: QuestConfig) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        """Bound the pages of the prefix."""
        layer.state.clear()
        self.on_append(layer, 0)

    def on_append(self, layer: Layer, start: int) -> None:
        """Bound the pages from the first new key's on; the others stay as they are."""
        size = self.config.page_size
        first = start // size
        for name, extreme in (("minima", torch.amin), ("maxima", torch.amax)):
            pages = _pages(layer.keys[:, :, first * size :], size, torch.inf if name == "minima" else -torch.inf)
            bounds = _rounded(extreme(pages, 3), self.config.label_bits)
            kept: GrowingTensor | None = layer.state.get(name)
            if kept is None:
                layer.state[name] = GrowingTensor(bounds)
                continue
            known = len(kept) - first
            kept.tensor[:, :, first:] = bounds[:, :, :known]
            kept.append(bounds[:, :, known:])

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the keys of the best pages."""
        size, num_pages = self.config.page_size, self.config.num_pages(mask.num_keys)
        scores = self._scores(layer, queries, mask)
        own = mask.query_positions // size
        legal = torch.arange(scores.shape[-1], device=scores.device) <= own[:, None]
        if mask.allowed is not None:
            legal = legal & _pages(mask.legal().transpose(2, 3), size, False).any(3).transpose(2, 3)
        top = scores.masked_fill(~legal, -torch.inf).topk(num_pages, dim=-1)
        keys = top.indices[..., None] * size + torch.arange(size, device=scores.device)
        real = (top.values > -torch.inf)[..., None] & (keys < mask.num_keys)
        return mask.with_keys(keys.clamp_max(mask.num_keys - 1).flatten(-2), real.flatten(-2).float())

    def _scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        """Return the bound of each page, ``(B, Hq, Lq, pages)`` float32."""
        shape = (mask.batch_size, mask.num_kv_heads, -1, queries.shape[-1])
        rows = (queries.float() * layer.scaling).reshape(shape)
        maxima, minima = (layer.state[name].tensor.float().transpose(-1, -2) for name in ("maxima", "minima"))
        scores: torch.Tensor = rows.clamp_min(0) @ maxima + rows.clamp_max(0) @ minima
        scores = scores.view(*queries.shape[:3], -1)
        if mask.num_queries > 1:
            own = (mask.query_positions // self.config.page_size).view(1, 1, -1, 1).expand(*queries.shape[:3], 1)
            scores.scatter_(3, own, self._own_page_scores(layer, queries, mask)[..., None])
        return scores

    def _own_page_scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        """Return the bound of each query's own page over the keys up to the query, ``(B, Hq, Lq)``."""
        size, first = self.config.page_size, mask.num_keys - mask.num_queries
        start = first // size * size
        recent = layer.keys[:, :, start:]
        minima, maxima = (
            _rounded(bounds.flatten(2, 3)[:, :, first - start : mask.num_keys - start], self.config.label_bits)
            for bounds in (
                _pages(recent, size, torch.inf).cummin(3).values,
                _pages(recent, size, -torch.inf).cummax(3).values,
            )
        )
        rows = (queries.float() * layer.scaling).reshape(mask.batch_size, mask.num_kv_heads, -1, *queries.shape[2:])
        best = torch.maximum(rows * minima[:, :, None], rows * maxima[:, :, None])
        bound: torch.Tensor = best.sum(-1).view(queries.shape[:3])
        return bound


def _pages(keys: torch.Tensor, size: int, filling: float | bool) -> torch.Tensor:
    """Cut ``(B, H, n, d)`` into ``(B, H, pages, size, d)``; the last page is filled up."""
    batch, heads, length, width = keys.shape
    filled = pad(keys, (0, 0, 0, -length % size), value=filling)
    return filled.view(batch, heads, -1, size, width)


def _rounded(bounds: torch.Tensor, bits: int) -> torch.Tensor:
    """Round each vector to ``2 ** bits`` levels between its smallest and largest channel."""
    if bits >= 16:
        return bounds
    low, high = bounds.amin(-1, keepdim=True).float(), bounds.amax(-1, keepdim=True).float()
    step = ((high - low) / (2**bits - 1)).clamp_min(torch.finfo(torch.float32).tiny)
    rounded: torch.Tensor = ((bounds.float() - low) / step).round() * step + low
    return rounded.to(bounds.dtype)
