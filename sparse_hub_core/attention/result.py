"""What one attention call gives: output, mask, and how much was read."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.metrics import density
from sparse_hub_core.attention.padding import PaddedMask

CACHE_BITS = 16
"""I/O density is stated for a cache of 16-bit values, whatever the tensors at hand are."""


@dataclass(frozen=True, repr=False)
class AttentionResult:
    """What one call of ``SparseAttention`` gives."""

    output: torch.Tensor
    """``(B, Hq, Lq, d)``."""
    mask: Mask | PaddedMask
    num_read: torch.Tensor
    """``(B, Hq, Lq)`` keys read by each query."""
    num_legal: torch.Tensor
    """``(B or 1, 1, Lq)`` keys that each query may read."""
    selector_share: float = 0.0
    """What choosing reads, as a share of the legal keys' and values' bytes."""

    @property
    def density(self) -> float:
        """The share of the causally legal (query, key) pairs that were read."""
        return density(self.num_read, self.num_legal)

    @property
    def io_density(self) -> float:
        """The bytes read, as a share of what a dense step reads: rows that any head of a KV group reads, and selection.

        It is stated for a 16-bit cache, and above 1 where choosing reads more than it saves.
        """
        return density(self.mask.rows_read(), self.num_legal) + self.selector_share

    def __repr__(self) -> str:
        shape, shares = tuple(self.output.shape), f"density={self.density:.1%}, io_density={self.io_density:.1%}"
        return f"AttentionResult(output={shape}, keys={self.mask.num_keys}, {shares})"


def stack_rows(results: list[AttentionResult], queries: torch.Tensor, num_keys: int) -> AttentionResult:
    """Put the results of left-padded sequences, ``(1, ...)`` each, back side by side."""
    output = queries.new_zeros(*queries.shape[:3], results[0].output.shape[3])
    num_read = torch.zeros(queries.shape[:3], dtype=torch.long, device=queries.device)
    num_legal = torch.zeros((queries.shape[0], 1, queries.shape[2]), dtype=torch.long, device=queries.device)
    for row, result in enumerate(results):
        real = result.output.shape[2]
        if real:
            output[row, :, -real:] = result.output[0]
            num_read[row, :, -real:] = result.num_read[0]
            num_legal[row, :, -real:] = result.num_legal[0]
    masks = tuple(result.mask for result in results if isinstance(result.mask, Mask))
    return AttentionResult(
        output, PaddedMask(masks, queries.shape[2], num_keys), num_read, num_legal, results[0].selector_share
    )
