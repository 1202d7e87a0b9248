"""SnapKV: of the prefix, only what its last queries attended to is ever read again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Le
from torch.nn.functional import avg_pool1d, max_pool1d

from sparse_hub_core import (
    Domain,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    choice,
    covers_context,
    loguniform,
    resolve_size,
)
from sparse_hub_maskers_builtin.observed_attention import observed_attention


@dataclass(frozen=True)
class SnapKvConfig(MaskerConfig):
    """The ``heavy_size`` prefix keys that the prefix's last ``window_size`` queries attended to most, chosen once.

    With W those queries, a key scores pool(sum_{i in W} softmax(q_i K^T)_j), pooled over ``kernel_size`` neighbours so
    that what stands around a clue stays with it. Read are the best keys before W, the keys of W, and all keys after
    the prefix; no other prefix key comes back. A share counts the prefix. https://arxiv.org/abs/2404.14469

    Choosing is free but at the end of the prefix, where it costs ``window_size`` dense queries. State: the chosen
    positions. They are chosen per query head, as in the authors' code, or per KV group by the mean of its heads where
    ``per_group`` says so. On plain tensors no queries of the prefix are known: there the first sparse query is the
    window. A mask that forbids keys of the prefix is then minded when they are judged, else only when they are read.
    """

    budget_field: ClassVar[str] = "heavy_size"

    heavy_size: Size = 0.1
    window_size: Annotated[int, Ge(1), Le(64)] = 32
    kernel_size: Literal[1, 3, 5, 7, 9, 11, 13, 15] = 5
    pooling: Literal["avg", "max"] = "avg"
    per_group: bool = False

    def create_masker(self) -> SnapKv:
        """Return the masker."""
        return SnapKv(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the prefix, and the windows and kernels of the paper."""
        return {
            "heavy_size": loguniform(0.01, 0.25),
            "window_size": choice([8, 16, 32, 64]),
            "kernel_size": choice([1, 5, 7, 13]),
            "pooling": choice(["avg", "max"]),
        }

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the chosen keys are the whole prefix."""
        return covers_context("heavy_size", self.heavy_size, num_keys)


class SnapKv(Masker):
    """State per layer: ``chosen`` positions ``(B, Hq or Hkv, n)``, and the key from which on all are kept."""

    def __init__(self, config: SnapKvConfig) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        """Choose by the prefix's own queries, where they are known."""
        layer.state.clear()
        if layer.prefix_queries is not None and layer.keys.shape[2]:
            self._choose(layer, layer.prefix_queries[:, :, -self.config.window_size :], layer.keys.shape[2])

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the chosen keys of the prefix and all after it."""
        first = mask.num_keys - mask.num_queries
        if "chosen" not in layer.state:
            seen = replace(layer, keys=layer.keys[:, :, : first + 1])
            allowed = None if mask.allowed is None else mask.allowed[:, :, :1, : first + 1]
            self._choose(seen, queries[:, :, :1], first, allowed)
        chosen, kept_from = layer.state["chosen"], layer.state["kept_from"]
        # A window reaches back equally far from each query, so the later ones of a chunk lack its first keys.
        missed = torch.arange(kept_from, kept_from + mask.num_queries - 1, device=mask.device)
        keys = torch.cat([chosen, missed.expand(*chosen.shape[:2], -1)], dim=-1)
        mask = mask.with_window(first + 1 - kept_from)
        return mask.with_keys(keys[:, :, None].expand(-1, -1, mask.num_queries, -1))

    def _choose(
        self, layer: Layer, queries: torch.Tensor, prefix_length: int, allowed: torch.Tensor | None = None
    ) -> None:
        """Choose among the keys before those of the queries, which are the last ones of the layer's keys."""
        kept_from = layer.keys.shape[2] - queries.shape[2]
        weights = observed_attention(layer, queries, allowed)[..., :kept_from]
        if self.config.per_group:
            groups = (layer.keys.shape[1], weights.shape[1] // layer.keys.shape[1])
            weights = weights.view(weights.shape[0], *groups, kept_from).mean(2)
        count = min(resolve_size(self.config.heavy_size, prefix_length), kept_from)
        chosen = self._pooled(weights).topk(count, dim=-1).indices.sort(dim=-1).values
        layer.state.update(chosen=chosen, kept_from=kept_from)

    def _pooled(self, weights: torch.Tensor) -> torch.Tensor:
        if not weights.shape[-1]:
            return weights
        pool = avg_pool1d if self.config.pooling == "avg" else max_pool1d
        size = self.config.kernel_size
        pooled: torch.Tensor = pool(weights, size, stride=1, padding=size // 2)
        return pooled
