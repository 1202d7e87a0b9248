"""The causal triangle: dense attention as a masker."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparse_hub_core import Layer, Mask, Masker, MaskerConfig


@dataclass(frozen=True)
class CausalMaskerConfig(MaskerConfig):
    """Every key up to the query's own: what other maskers choose from, so alone it is dense attention.

    A mask never holds future keys, so nothing needs this masker to be causal; it reads everything, costs what dense
    attention costs, and keeps no state.
    """

    def create_masker(self) -> CausalMasker:
        """Return the masker."""
        return CausalMasker()

    def max_keys(self, num_keys: int) -> int:
        """Return all."""
        return num_keys


class CausalMasker(Masker):
    """Adds all keys as one slice."""

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add every key; future ones are never read."""
        return mask.with_prefix(mask.num_keys)
