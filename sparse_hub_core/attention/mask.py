"""The mask that maskers add keys to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from sparse_hub_core.attention.blocks import Blocks
from sparse_hub_core.attention.chosen import per_query_head, same_heads, without_repeats
from sparse_hub_core.attention.mask_content import MaskContent


@dataclass(frozen=True)
class Mask(MaskContent):
    """Which keys each query reads, and with what probability, as slices and indices instead of a dense tensor.

    Methods return a new mask and leave this one as it is.
    """

    @classmethod
    def empty(cls, queries: torch.Tensor, keys: torch.Tensor, allowed: torch.Tensor | None = None) -> Mask:
        """Return a mask that reads nothing, for queries ``(B, Hq, Lq, d)`` and keys ``(B, Hkv, Lk, d)``."""
        batch_size, num_query_heads, num_queries, _ = queries.shape
        return cls(
            batch_size, num_query_heads, keys.shape[1], num_queries, keys.shape[2], queries.device, allowed=allowed
        )

    def with_prefix(self, size: int) -> Mask:
        """Return the mask with the first ``size`` keys added for every query."""
        return replace(self, prefix=max(self.prefix, min(size, self.num_keys)))

    def with_window(self, size: int) -> Mask:
        """Return the mask with the last ``size`` keys of each query added, its own included."""
        return replace(self, window=max(self.window, min(size, self.num_keys)))

    def with_blocks(self, size: int, chosen: torch.Tensor) -> Mask:
        """Return the mask with whole blocks of keys added for whole blocks of queries, as prefill methods choose them.

        Args:
            size: Queries and keys per block; queries are counted from the first one, keys from the sequence's start.
            chosen: ``(B, H, ceil(Lq / size), ceil(Lk / size))`` boolean; H is Hq or Hkv.

        Raises:
            ValueError: The shapes do not fit the mask, or it holds blocks of another size.
        """
        fits = chosen.shape[2:] == (-(-self.num_queries // size), -(-self.num_keys // size))
        if not fits or chosen.shape[0] != self.batch_size or self.num_query_heads % chosen.shape[1]:
            raise ValueError(
                f"Chosen blocks of shape {tuple(chosen.shape)} and size {size} do not fit {self.num_queries} queries, "
                f"{self.num_keys} keys and {self.num_query_heads} query heads."
            )
        added = Blocks(size, per_query_head(chosen, self.num_query_heads))
        return replace(self, blocks=added if self.blocks is None else self.blocks.joined(added))

    def with_keys(self, indices: torch.Tensor, probabilities: torch.Tensor | None = None, unread: bool = False) -> Mask:
        """Return the mask with chosen keys added.

        A key that the mask holds already keeps its larger probability. More than one *sampling* masker in a stack
        biases the estimate, because a key's probability of being in either sample is then not known.

        Args:
            indices: ``(B, H, Lq, n)`` key positions, without repeats within a row; H is Hq or Hkv.
            probabilities: Same shape, in (0, 1]; 0 marks padding; None means certainly read.
            unread: Whether the caller knows that the mask holds none of them, which spares a search for repeats.

        Raises:
            ValueError: The shapes do not fit the mask.
        """
        if probabilities is None:
            probabilities = torch.ones(indices.shape, dtype=torch.float32, device=indices.device)
        fits = indices.ndim == 4 and indices.shape[0] == self.batch_size and indices.shape[2] == self.num_queries
        heads = (self.num_query_heads, self.num_kv_heads)
        if not fits or indices.shape[1] not in heads or probabilities.shape != indices.shape:
            raise ValueError(
                f"Chosen keys of shape {tuple(indices.shape)} with probabilities of shape "
                f"{tuple(probabilities.shape)} do not fit (B={self.batch_size}, H={heads[0]} or {heads[1]}, "
                f"Lq={self.num_queries}, n)."
            )
        probabilities = probabilities.float()
        if self.indices is not None and self.probabilities is not None:
            parts = same_heads(
                self.indices, indices, self.probabilities, probabilities, num_query_heads=self.num_query_heads
            )
            indices, probabilities = torch.cat(parts[:2], dim=-1), torch.cat(parts[2:], dim=-1)
            if not unread:
                indices, probabilities = without_repeats(indices, probabilities)
        return replace(self, indices=indices, probabilities=probabilities)

    def with_top_keys(self, scores: torch.Tensor, count: int) -> Mask:
        """Return the mask with the ``count`` unread keys of the highest scores added for each query.

        Where fewer are left, fewer are added.

        Args:
            scores: ``(B, H, Lq, Lk)`` floating point, overwritten; H is Hq, or Hkv when a group reads together.
            count: How many keys each query gets beside those that the mask holds.
        """
        top = self.hide_read(scores).topk(min(count, self.num_keys), dim=-1, sorted=False)
        # A group may be given what one of its heads chose before.
        unread = self.indices is None or scores.shape[1] == self.num_query_heads
        return self.with_keys(top.indices, (top.values > -torch.inf).float(), unread)

    def hide_read(self, scores: torch.Tensor) -> torch.Tensor:
        """Set the scores ``(B, H, Lq, Lk)`` of keys that are read already, or may not be, to -inf, in place."""
        if self.num_queries > 1 or self.allowed is not None or self.indices is not None or self.blocks is not None:
            unread = self.unread()
            if scores.shape[1] != self.num_query_heads:
                # A group reads together what any of its heads still lacks.
                unread = unread.view(*scores.shape[:2], -1, *scores.shape[2:]).any(2)
            return scores.masked_fill_(~unread, -torch.inf)
        # A decode step over slices needs no tensor of all pairs.
        scores[..., : self.prefix] = -torch.inf
        scores[..., self.num_keys - self.window :] = -torch.inf
        return scores

    def only_chosen(self, keep: torch.Tensor) -> Mask:
        """Return the mask without those chosen keys that ``keep`` leaves out; slices and blocks stay.

        Args:
            keep: ``(B, H, Lq, n)`` boolean beside ``indices``; H is Hq or Hkv.
        """
        assert self.indices is not None
        assert self.probabilities is not None
        indices, probabilities, keep = same_heads(
            self.indices, self.probabilities, keep, num_query_heads=self.num_query_heads
        )
        return replace(self, indices=indices, probabilities=torch.where(keep, probabilities, 0.0))
