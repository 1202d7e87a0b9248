"""What a mask holds, and what can be asked of it: which pairs are read, legal, or still to be had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import pad

from sparse_hub_core.attention.blocks import Blocks
from sparse_hub_core.attention.chosen import count_in_groups, per_query_head, same_heads, spread

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class MaskContent:
    """The keys that are read: the first ``prefix`` ones, the last ``window`` ones of each query, blocks, chosen ones.

    Queries are the last ``num_queries`` positions of the ``num_keys`` keys. Future keys are never read, whatever a
    masker adds.
    """

    batch_size: int
    num_query_heads: int
    num_kv_heads: int
    num_queries: int
    num_keys: int
    device: torch.device
    prefix: int = 0
    window: int = 0
    blocks: Blocks | None = None
    indices: torch.Tensor | None = None
    """``(B, H, Lq, n)`` chosen keys; H is the number of query heads, or of KV heads when a group reads together."""
    probabilities: torch.Tensor | None = None
    """``(B, H, Lq, n)`` inclusion probabilities of the chosen keys in (0, 1]; 0 marks padding."""
    allowed: torch.Tensor | None = None
    """``(B, 1, Lq, Lk)`` boolean, True = may be read; None where only the causal order restricts."""

    @property
    def query_positions(self) -> torch.Tensor:
        """The absolute position of each query, ``(Lq,)``."""
        return torch.arange(self.num_keys - self.num_queries, self.num_keys, device=self.device)

    @property
    def num_choosing_heads(self) -> int:
        """Hkv where all heads of a KV group still lack the same keys, so that they may choose together, else Hq."""
        together = self.blocks is None and (self.indices is None or self.indices.shape[1] == self.num_kv_heads)
        return self.num_kv_heads if together else self.num_query_heads

    def chosen(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return the chosen keys and their probabilities, 0 where one is in the future, forbidden, or read anyway."""
        if self.indices is None or self.probabilities is None:
            return None
        indices, probabilities, positions = self.indices, self.probabilities, self.query_positions.view(1, 1, -1, 1)
        keep = (indices <= positions) & (indices >= self.prefix)
        if self.window:
            keep &= indices <= positions - self.window
        within = indices.clamp(0, self.num_keys - 1)
        if self.allowed is not None:
            keep &= self.allowed.expand(-1, indices.shape[1], -1, -1).gather(3, within)
        if self.blocks is not None:
            of_queries = self.blocks.per_query(self.num_queries)
            indices, probabilities, keep, within, of_queries = same_heads(
                indices, probabilities, keep, within, of_queries, num_query_heads=self.num_query_heads
            )
            keep = keep & ~of_queries.gather(3, within // self.blocks.size)
        return indices, torch.where(keep, probabilities, 0.0)

    def legal(self) -> torch.Tensor:
        """Return the pairs that causality and ``allowed`` permit, ``(B or 1, 1, Lq, Lk)`` boolean."""
        columns = torch.arange(self.num_keys, device=self.device)
        causal = (columns <= self.query_positions[:, None])[None, None]
        return causal if self.allowed is None else causal & self.allowed

    def num_legal(self) -> torch.Tensor:
        """Return how many keys each query may read, ``(B or 1, 1, Lq)``."""
        if self.allowed is None:
            return (self.query_positions + 1).view(1, 1, -1)
        return self.legal().sum(-1)

    def unread(self) -> torch.Tensor:
        """Return the legal pairs that the mask does not hold yet, ``(B, Hq, Lq, Lk)`` boolean: for exact selectors."""
        rest = self.legal() & ~self._in_slices()
        rest = rest.expand(self.batch_size, self.num_query_heads, -1, -1)
        if self.blocks is not None:
            rest = rest & ~self.blocks.to_pairs(self.num_queries, self.num_keys)
        chosen = self.chosen()
        if chosen is None:
            return rest
        taken = spread(*chosen, self.num_keys) > 0
        return rest & ~per_query_head(taken, self.num_query_heads)

    def num_unread(self) -> torch.Tensor:
        """Return how many legal keys each query does not read yet, ``(B, Hq, Lq)``."""
        shape = (self.batch_size, self.num_query_heads, self.num_queries)
        if self.allowed is not None or self.blocks is not None:
            return self.unread().sum(-1)
        legal = self.num_legal()
        left = (legal - self.prefix - self.window).clamp_min(0).expand(shape)
        chosen = self.chosen()
        if chosen is None:
            return left
        return left - per_query_head((chosen[1] > 0).sum(-1), self.num_query_heads)

    def nth_unread(self, ranks: torch.Tensor) -> torch.Tensor:
        """Return the positions of unread keys by their ranks among each query's unread keys, for samplers.

        Args:
            ranks: ``(B, H, Lq, n)`` whole numbers below ``num_unread()``; H is Hq or ``num_choosing_heads``.
        """
        if self.allowed is not None or self.blocks is not None:
            counts = self.unread()[:, :: self.num_query_heads // ranks.shape[1]].cumsum(-1)
            return torch.searchsorted(counts, ranks.contiguous(), right=True).clamp_max(self.num_keys - 1)
        chosen = self.chosen()
        if chosen is None:
            return (ranks + self.prefix).clamp_max(self.num_keys - 1)
        far = 2 * self.num_keys
        taken = torch.where(chosen[1] > 0, chosen[0] - self.prefix, far).sort(-1).values
        # Before the i-th taken key stand i others that are taken too, so so many unread ones precede it.
        before = torch.where(taken < far, taken - torch.arange(taken.shape[-1], device=self.device), far)
        before = per_query_head(before, ranks.shape[1]).contiguous()
        positions = ranks + self.prefix + torch.searchsorted(before, ranks.contiguous(), right=True)
        # A row that has nothing left is asked for its first unread key all the same.
        return positions.clamp_max(self.num_keys - 1)

    def read_keys(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return every key that is read, ``(B, H, Lq, n)`` positions and probabilities; 0 marks padding.

        Slices come first, then the chosen keys in their order; for maskers that judge what others chose.

        Raises:
            ValueError: The mask holds blocks, which are too many keys to list.
        """
        if self.blocks is not None:
            raise ValueError("The keys of a mask with blocks are too many to list; restrict its blocks instead.")
        first, positions = torch.arange(self.prefix, device=self.device), self.query_positions[:, None]
        last = positions - torch.arange(self.window, device=self.device)
        slices = torch.cat([first.expand(self.num_queries, -1), last], dim=-1)[None, None]
        real = (slices <= positions) & (slices >= 0)
        real[..., self.prefix :] &= slices[..., self.prefix :] >= self.prefix
        slices = slices.clamp_min(0)
        if self.allowed is not None:
            real = real & self.allowed.gather(3, slices.expand(self.allowed.shape[0], -1, -1, -1))
        chosen = self.chosen()
        heads = self.num_kv_heads if chosen is None else chosen[0].shape[1]
        shape = (self.batch_size, heads, self.num_queries, slices.shape[-1])
        indices, probabilities = slices.expand(shape), real.float().expand(shape)
        if chosen is None:
            return indices, probabilities
        return torch.cat([indices, chosen[0]], dim=-1), torch.cat([probabilities, chosen[1]], dim=-1)

    def rows_read(self) -> torch.Tensor:
        """Return the rows of K and V that each KV group reads, the union over its query heads, ``(B, Hkv, Lq)``."""
        if self.blocks is not None and not self.prefix and not self.window and self.indices is None:
            return self._rows_of_blocks(self.blocks)
        if self.blocks is not None:
            # A block of queries at a time, since all pairs of a long prefix are too many to hold.
            starts = range(0, self.num_queries, self.blocks.size)
            parts = [self.rows(start, min(start + self.blocks.size, self.num_queries)) for start in starts]
            return torch.cat([part._pairs_of_groups().sum(-1) for part in parts], dim=2)
        in_slices = (self.legal() & self._in_slices()).sum(-1)
        shape = (self.batch_size, self.num_kv_heads, self.num_queries)
        chosen = self.chosen()
        if chosen is None:
            return in_slices.expand(shape)
        return in_slices + count_in_groups(chosen[0], chosen[1] > 0, self.num_kv_heads)

    def to_dense(self) -> torch.Tensor:
        """Return the inclusion probabilities as ``(B, Hq, Lq, Lk)`` float32; 0 = not read."""
        certain = self._in_slices().expand(self.batch_size, self.num_query_heads, -1, -1)
        if self.blocks is not None:
            certain = certain | self.blocks.to_pairs(self.num_queries, self.num_keys)
        certain = certain & self.legal()
        chosen = self.chosen()
        if chosen is None:
            return certain.float()
        return torch.where(certain, 1.0, per_query_head(spread(*chosen, self.num_keys), self.num_query_heads))

    def rows(self, start: int, stop: int) -> Self:
        """Return the mask of the queries from ``start`` to ``stop``, over the keys up to the last of them."""
        num_keys = self.num_keys - self.num_queries + stop
        return replace(
            self,
            num_queries=stop - start,
            num_keys=num_keys,
            prefix=min(self.prefix, num_keys),
            blocks=None if self.blocks is None else self.blocks.rows(start, stop, num_keys),
            indices=None if self.indices is None else self.indices[:, :, start:stop],
            probabilities=None if self.probabilities is None else self.probabilities[:, :, start:stop],
            allowed=None if self.allowed is None else self.allowed[:, :, start:stop, :num_keys],
        )

    def _rows_of_blocks(self, blocks: Blocks) -> torch.Tensor:
        """Return the legal keys of the blocks that any head of a KV group reads, ``(B, Hkv, Lq)``."""
        rows = []
        for start in range(0, self.num_queries, blocks.size):
            part = self.rows(start, min(start + blocks.size, self.num_queries))
            assert part.blocks is not None
            of_heads = part.blocks.chosen
            chosen = of_heads.view(self.batch_size, self.num_kv_heads, -1, of_heads.shape[-1]).any(2)
            legal = pad(part.legal(), (0, -part.num_keys % blocks.size))
            of_blocks = legal.view(*legal.shape[:3], -1, blocks.size).sum(-1)
            rows.append((chosen[:, :, None] * of_blocks).sum(-1))
        return torch.cat(rows, dim=2)

    def _pairs_of_groups(self) -> torch.Tensor:
        """Return the pairs that any head of a KV group reads, ``(B, Hkv, Lq, Lk)`` boolean."""
        read = self.to_dense() > 0
        return read.view(self.batch_size, self.num_kv_heads, -1, self.num_queries, self.num_keys).any(2)

    def _in_slices(self) -> torch.Tensor:
        columns = torch.arange(self.num_keys, device=self.device)
        inside = columns < self.prefix
        if self.window:
            inside = inside | (columns > self.query_positions[:, None] - self.window)
        return inside.expand(1, 1, self.num_queries, self.num_keys)
