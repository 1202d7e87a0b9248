"""Left padding: where each sequence of a batch begins, and its masks put back side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparse_hub_core.attention.mask import Mask


@dataclass(frozen=True)
class PaddedMask:
    """The masks of sequences of different lengths, each without its padding."""

    masks: tuple[Mask, ...]
    num_queries: int
    num_keys: int

    def to_dense(self) -> torch.Tensor:
        """Return the inclusion probabilities as ``(B, Hq, Lq, Lk)`` float32; padding is not read."""
        heads, device = self.masks[0].num_query_heads, self.masks[0].device
        dense = torch.zeros((len(self.masks), heads, self.num_queries, self.num_keys), device=device)
        for row, mask in enumerate(self.masks):
            if mask.num_queries:
                dense[row, :, -mask.num_queries :, -mask.num_keys :] = mask.to_dense()[0]
        return dense

    def rows_read(self) -> torch.Tensor:
        """Return the rows of K and V that each KV group reads, ``(B, Hkv, Lq)``; padding reads none."""
        first = self.masks[0]
        rows = torch.zeros(
            (len(self.masks), first.num_kv_heads, self.num_queries), dtype=torch.long, device=first.device
        )
        for row, mask in enumerate(self.masks):
            if mask.num_queries:
                rows[row, :, -mask.num_queries :] = mask.rows_read()[0]
        return rows


def first_allowed_keys(allowed: torch.Tensor | None) -> list[int]:
    """Return the first key that any query of each sequence may read, from ``(B, 1, Lq, Lk)``."""
    if allowed is None:
        return [0]
    return [int(first) for first in allowed[:, 0].any(1).to(torch.uint8).argmax(-1)]
