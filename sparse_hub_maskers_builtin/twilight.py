"""Twilight: prune what another selector chose to the few keys that hold most of the attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Le

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    gather_rows,
    uniform,
)

KEYS_AT_ONCE = 128
"""Per query: a buffer that stays in the cache and is used again costs a fraction of a large one."""


@dataclass(frozen=True)
class TwilightConfig(MaskerConfig):
    """Of the keys that the selectors before it chose, the smallest set that brings the mask to ``top_p`` of its mass.

    The mass of a key is its softmax weight among all keys in the mask, estimated with keys of ``label_bits`` bits, so
    every query head gets a budget of its own from one generous selector. Sinks and window stay and count towards the
    share: with w over the chosen keys in falling order, it keeps the first n with
    w_slices + sum(w_1..w_n) >= top_p. https://arxiv.org/abs/2502.02770

    Estimating reads the candidates' low-bit keys, d label_bits + 32 bits each; what is declared as read counts all
    keys, an upper bound. State: every key at ``label_bits`` bits (whole bytes), with its own scale and offset.
    Pruning by weight after a *sampling* masker would bias its estimate, so let it follow selectors that do not sample.
    """

    budget_field: ClassVar[str] = "top_p"

    top_p: Annotated[float, Gt(0), Le(1)] = 0.9
    label_bits: Annotated[int, Ge(2), Le(8)] = 4

    def create_masker(self) -> Twilight:
        """Return the masker."""
        return Twilight(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return from half of the mass to nearly all of it."""
        return {"top_p": uniform(0.5, 0.99)}

    def max_keys(self, num_keys: int) -> int:
        """Return none: it only leaves keys out."""
        return 0

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of a low-bit key with its scale and offset."""
        return head_dim * self.label_bits + 2 * 16


class Twilight(Masker):
    """State per layer: codes ``(B, Hkv, Lk, d)`` in bytes, offsets and steps ``(B, Hkv, Lk, 2)``."""

    adds_keys: ClassVar[bool] = False

    def __init__(self, config: TwilightConfig) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        """Round the keys of the prefix."""
        codes, scales = self._rounded(layer.keys)
        layer.state.update(codes=GrowingTensor(codes), scales=GrowingTensor(scales))

    def on_append(self, layer: Layer, start: int) -> None:
        """Round the new keys."""
        codes, scales = self._rounded(layer.keys[:, :, start:])
        layer.state["codes"].append(codes)
        layer.state["scales"].append(scales)

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Leave out the chosen keys that are not needed for the share."""
        if mask.indices is None or self.config.top_p == 1.0:
            return mask
        indices, probabilities = mask.read_keys()
        probabilities = probabilities.repeat_interleave(mask.num_query_heads // indices.shape[1], dim=1)
        pieces = [self._logits(layer, queries, piece) for piece in torch.split(indices, KEYS_AT_ONCE, dim=-1)]
        logits = torch.cat(pieces, dim=-1) - probabilities.log()
        weights = torch.softmax(logits.where(probabilities > 0, -torch.inf), dim=-1).nan_to_num(nan=0.0)
        num_chosen = mask.indices.shape[-1]
        held = weights[..., : weights.shape[-1] - num_chosen].sum(-1, keepdim=True)
        chosen = weights[..., weights.shape[-1] - num_chosen :].sort(dim=-1, descending=True)
        needed = held + chosen.values.cumsum(-1) - chosen.values < self.config.top_p
        return mask.only_chosen(torch.zeros_like(needed).scatter_(-1, chosen.indices, needed))

    def _rounded(self, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        low, high = keys.amin(-1, keepdim=True), keys.amax(-1, keepdim=True)
        step = (high.float() - low.float()) / (2**self.config.label_bits - 1)
        codes = (keys.float() - low.float()) / step.clamp_min(torch.finfo(torch.float32).tiny)
        return codes.round().to(torch.uint8), torch.cat([low, step.to(keys.dtype)], dim=-1)

    def _logits(self, layer: Layer, queries: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Return estimated logits ``(B, Hq, Lq, n)`` of the keys at ``(B, Hq or Hkv, Lq, n)``."""
        batch, heads, length, count = indices.shape
        kv_heads = layer.keys.shape[1]
        indices = indices.view(batch, kv_heads, heads // kv_heads, length, count)
        codes = gather_rows(layer.state["codes"].tensor, indices).float()
        low, step = gather_rows(layer.state["scales"].tensor, indices).float().unbind(-1)
        rows = (queries.float() * layer.scaling).view(batch, kv_heads, -1, length, queries.shape[-1])
        products = (codes @ rows[..., None])[..., 0] if heads != kv_heads else _shared(codes, rows)
        logits = products * step + low * rows.sum(-1, keepdim=True)
        if layer.softcap is not None:
            logits = torch.tanh(logits / layer.softcap) * layer.softcap
        return logits.reshape(*queries.shape[:3], count)


def _shared(codes: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Multiply ``(B, Hkv, 1, Lq, n, d)`` with all queries ``(B, Hkv, G, Lq, d)`` of the group."""
    return (rows.transpose(2, 3) @ codes[:, :, 0].transpose(-1, -2)).transpose(2, 3)
