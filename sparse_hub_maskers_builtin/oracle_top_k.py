"""Exact top-k: the upper bound that every approximate top-k method is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparse_hub_core import Domain, Layer, Mask, Masker, MaskerConfig, Size, loguniform, resolve_size


@dataclass(frozen=True)
class OracleTopKConfig(MaskerConfig):
    """The ``heavy_size`` keys of highest q.k that the mask does not hold yet, per query head."""

    heavy_size: Size = 0.05

    def create_masker(self) -> OracleTopK:
        """Return the masker."""
        return OracleTopK(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, so that one space serves every length."""
        return {"heavy_size": loguniform(0.005, 0.2)}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the top-k is the whole context."""
        if resolve_size(self.heavy_size, num_keys) >= num_keys:
            return f"heavy_size {self.heavy_size} covers the whole context of {num_keys} tokens"
        return None


class OracleTopK(Masker):
    """Scores every key exactly, so it reads all of K; it keeps no state.

    Only keys that may still be read are eligible: where fewer than ``heavy_size`` are left, fewer are added.
    """

    def __init__(self, config: OracleTopKConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the top keys by exact score."""
        batch, heads, length, head_dim = queries.shape
        kv_heads = layer.keys.shape[1]
        # Scaled first: large half-precision products would overflow.
        rows = (queries * layer.scaling).reshape(batch, kv_heads, heads // kv_heads * length, head_dim)
        scores = torch.matmul(rows, layer.keys.transpose(-1, -2)).float().view(batch, heads, length, -1)
        scores = scores.masked_fill(~mask.unread(), -torch.inf)
        top = scores.topk(resolve_size(self.config.heavy_size, mask.num_keys), dim=-1)
        return mask.with_keys(top.indices, (top.values > -torch.inf).float())
