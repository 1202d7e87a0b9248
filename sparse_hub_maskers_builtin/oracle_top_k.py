"""Exact top-k: the upper bound that every approximate top-k method is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparse_hub_core import (
    Domain,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    covers_context,
    every_key_logits,
    loguniform,
    resolve_size,
)


@dataclass(frozen=True)
class OracleTopKConfig(MaskerConfig):
    """The ``heavy_size`` keys of highest q.k that the mask does not hold yet, per query head.

    It scores every key exactly, so choosing costs all of K, d multiplications per key, and no state: a bound for
    top-k methods, not a method. Only keys that may still be read are eligible; where fewer are left, fewer are added.
    """

    budget_field: ClassVar[str] = "heavy_size"
    scores_every_key: ClassVar[bool] = True

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
        return covers_context("heavy_size", self.heavy_size, num_keys)

    def max_keys(self, num_keys: int) -> int:
        """Return the number of heavy keys."""
        return resolve_size(self.heavy_size, num_keys)


class OracleTopK(Masker):
    """Keeps no state."""

    def __init__(self, config: OracleTopKConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the top keys by exact score."""
        return mask.with_top_keys(every_key_logits(layer, queries), resolve_size(self.config.heavy_size, mask.num_keys))
