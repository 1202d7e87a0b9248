"""What is remembered of the sequence batch in one cache, and whether the cache still holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from sparse_hub_core.attention.sparse_attention import SparseAttention

Change = Literal["goes on", "same prefix", "other rows", "another"]


@dataclass(frozen=True)
class _Ends:
    """``(B, Hkv, d)`` keys of the deepest layer, which tell sequences apart: each depends on all tokens up to it."""

    prefix: torch.Tensor | None
    last: torch.Tensor


@dataclass
class CachedSequence:
    """A sequence batch in one cache."""

    attention: SparseAttention | None
    """What its maskers remember."""
    prefix: int
    prefix_queries: dict[int, torch.Tensor] = field(default_factory=dict)
    """``(B, Hq, n, d)`` the last queries of each layer's prefix."""
    length: int = 0
    _ends: _Ends | None = None

    def note_end(self, deepest_keys: torch.Tensor) -> None:
        """Remember where the sequence is, by the keys ``(B, Hkv, Lk, d)`` of its deepest layer."""
        known = min(self.prefix, deepest_keys.shape[2])
        prefix = deepest_keys[:, :, known - 1].detach().clone() if known else None
        self._ends = _Ends(prefix, deepest_keys[:, :, -1].detach().clone())

    def change(self, first: int, cached: torch.Tensor | None) -> Change:
        """Return what a cache of ``first`` keys holds now.

        A cache may have been cropped, as by assisted generation, its rows reordered, as by beam search, or dropped, as
        where some sequences have ended, or it may have been emptied and filled by something else.

        Args:
            first: The keys before the new queries.
            cached: The keys of the deepest layer, None where they cannot be seen.
        """
        prefix = min(self.prefix, self.length)
        if not first or first < prefix:
            return "another"
        if self._ends is None or cached is None:
            return "goes on" if first == self.length else "another"
        if cached.shape[:2] != self._ends.last.shape[:2]:
            return "other rows" if first == self.length else "another"
        if first == self.length and _equal(cached[:, :, first - 1], self._ends.last):
            return "goes on"
        if self._ends.prefix is None or _equal(cached[:, :, prefix - 1], self._ends.prefix):
            return "same prefix"
        return "another"

    def back_to_prefix(self) -> None:
        """Forget what maskers remember of what follows the prefix."""
        if self.attention is not None:
            self.attention.reset()

    def with_other_rows(self) -> None:
        """Forget all but the length of the prefix, as nothing tells which row is which."""
        self.back_to_prefix()
        self.prefix_queries = {}


def _equal(keys: torch.Tensor, remembered: torch.Tensor) -> bool:
    # Offloaded caches keep them elsewhere.
    return torch.equal(keys.to(remembered.device), remembered)
