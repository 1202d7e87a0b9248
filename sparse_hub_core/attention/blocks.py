"""Whole blocks of keys for whole blocks of queries, as prefill methods choose them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Blocks:
    """Which key blocks each query block reads; queries count from the first one, keys from the sequence's start."""

    size: int
    """Queries and keys per block; the last ones may be short."""
    chosen: torch.Tensor
    """``(B, Hq, ceil(Lq / size), ceil(Lk / size))`` boolean."""

    def joined(self, other: Blocks) -> Blocks:
        """Return the union of two choices.

        Raises:
            ValueError: The blocks are of different sizes.
        """
        if self.size != other.size:
            raise ValueError(f"Blocks of {self.size} and of {other.size} cannot stand in one mask; use one size.")
        return replace(self, chosen=self.chosen | other.chosen)

    def rows(self, start: int, stop: int, num_keys: int) -> Blocks:
        """Return the blocks of the queries from ``start``, a multiple of the size, to ``stop``."""
        assert start % self.size == 0
        rows = slice(start // self.size, -(-stop // self.size))
        return replace(self, chosen=self.chosen[:, :, rows, : -(-num_keys // self.size)])

    def per_query(self, num_queries: int) -> torch.Tensor:
        """Return the chosen key blocks of each query, ``(B, Hq, Lq, blocks)`` boolean."""
        return self.chosen.repeat_interleave(self.size, dim=2)[:, :, :num_queries]

    def to_pairs(self, num_queries: int, num_keys: int) -> torch.Tensor:
        """Return the pairs that lie in chosen blocks, ``(B, Hq, Lq, Lk)`` boolean."""
        return self.per_query(num_queries).repeat_interleave(self.size, dim=3)[..., :num_keys]

    def key_positions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the keys of each query block's chosen blocks, ``(B, Hq, blocks, n)``, and which are no padding."""
        counts = self.chosen.sum(-1, keepdim=True)
        order = self.chosen.to(torch.uint8).sort(dim=-1, descending=True, stable=True).indices[..., : int(counts.max())]
        real = torch.arange(order.shape[-1], device=order.device) < counts
        within = torch.arange(self.size, device=order.device)
        positions = (order[..., None] * self.size + within).flatten(-2)
        return positions, real.repeat_interleave(self.size, dim=-1)
