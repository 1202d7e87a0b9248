"""Which keys each query reads, and with what probability, kept as slices and indices instead of a dense tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Mask:
    """The keys that are read: the first ``prefix`` ones, the last ``window`` ones of each query, and chosen ones.

    Queries are the last ``num_queries`` positions of the ``num_keys`` keys. Future keys are never read, whatever a
    masker adds. Methods return a new mask and leave this one as it is.
    """

    batch_size: int
    num_query_heads: int
    num_kv_heads: int
    num_queries: int
    num_keys: int
    device: torch.device
    prefix: int = 0
    window: int = 0
    indices: torch.Tensor | None = None
    """``(B, H, Lq, n)`` chosen keys; H is the number of query heads, or of KV heads when a group reads together."""
    probabilities: torch.Tensor | None = None
    """``(B, H, Lq, n)`` inclusion probabilities of the chosen keys in (0, 1]; 0 marks padding."""
    allowed: torch.Tensor | None = None
    """``(B, 1, Lq, Lk)`` boolean, True = may be read; None where only the causal order restricts."""

    @classmethod
    def empty(cls, queries: torch.Tensor, keys: torch.Tensor, allowed: torch.Tensor | None = None) -> Mask:
        """Return a mask that reads nothing, for queries ``(B, Hq, Lq, d)`` and keys ``(B, Hkv, Lk, d)``."""
        batch_size, num_query_heads, num_queries, _ = queries.shape
        return cls(
            batch_size, num_query_heads, keys.shape[1], num_queries, keys.shape[2], queries.device, allowed=allowed
        )

    @property
    def query_positions(self) -> torch.Tensor:
        """The absolute position of each query, ``(Lq,)``."""
        return torch.arange(self.num_keys - self.num_queries, self.num_keys, device=self.device)

    def with_prefix(self, size: int) -> Mask:
        """Return the mask with the first ``size`` keys added for every query."""
        return replace(self, prefix=max(self.prefix, min(size, self.num_keys)))

    def with_window(self, size: int) -> Mask:
        """Return the mask with the last ``size`` keys of each query added, its own included."""
        return replace(self, window=max(self.window, min(size, self.num_keys)))

    def with_keys(self, indices: torch.Tensor, probabilities: torch.Tensor | None = None) -> Mask:
        """Return the mask with chosen keys added.

        A key that the mask holds already keeps its larger probability. More than one *sampling* masker in a stack
        biases the estimate, because a key's probability of being in either sample is then not known.

        Args:
            indices: ``(B, H, Lq, n)`` key positions, without repeats within a row; H is Hq or Hkv.
            probabilities: Same shape, in (0, 1]; 0 marks padding; None means certainly read.

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
            indices, probabilities = _merge(self, indices, probabilities)
        return replace(self, indices=indices, probabilities=probabilities)

    def rows(self, start: int, stop: int) -> Mask:
        """Return the mask of the queries from ``start`` to ``stop``, over the keys up to the last of them."""
        num_keys = self.num_keys - self.num_queries + stop
        return replace(
            self,
            num_queries=stop - start,
            num_keys=num_keys,
            prefix=min(self.prefix, num_keys),
            indices=None if self.indices is None else self.indices[:, :, start:stop],
            probabilities=None if self.probabilities is None else self.probabilities[:, :, start:stop],
            allowed=None if self.allowed is None else self.allowed[:, :, start:stop, :num_keys],
        )

    def chosen_probabilities(self) -> torch.Tensor | None:
        """Return the chosen keys' probabilities, 0 where the key is in the future, forbidden, or read as a slice."""
        if self.indices is None or self.probabilities is None:
            return None
        positions = self.query_positions.view(1, 1, -1, 1)
        keep = (self.indices <= positions) & (self.indices >= self.prefix)
        if self.window:
            keep &= self.indices <= positions - self.window
        if self.allowed is not None:
            allowed = self.allowed.expand(-1, self.indices.shape[1], -1, -1)
            keep &= allowed.gather(3, self.indices.clamp(0, self.num_keys - 1))
        return torch.where(keep, self.probabilities, 0.0)

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
        columns = torch.arange(self.num_keys, device=self.device)
        positions = self.query_positions[:, None]
        rest = self.legal() & (columns >= self.prefix)
        if self.window:
            rest = rest & (columns <= positions - self.window)
        rest = rest.expand(self.batch_size, self.num_query_heads, -1, -1)
        chosen = self.chosen_probabilities()
        if chosen is None or self.indices is None:
            return rest
        # Padding may point at a key that another entry chose, so it is sent to a column of its own.
        taken = torch.zeros((*rest.shape[:3], self.num_keys + 1), dtype=torch.bool, device=self.device)
        target = torch.where(chosen > 0, self.indices, self.num_keys)
        taken.scatter_(3, _per_query_head(target, self.num_query_heads), True)
        return rest & ~taken[..., :-1]

    def to_dense(self) -> torch.Tensor:
        """Return the inclusion probabilities as ``(B, Hq, Lq, Lk)`` float32; 0 = not read."""
        columns = torch.arange(self.num_keys, device=self.device)
        positions = self.query_positions[:, None]
        certain = columns < self.prefix
        if self.window:
            certain = certain | (columns > positions - self.window)
        certain = (certain & self.legal()).expand(self.batch_size, self.num_query_heads, self.num_queries, -1)
        dense = torch.zeros((*certain.shape[:3], self.num_keys + 1), device=self.device)
        chosen = self.chosen_probabilities()
        if chosen is not None and self.indices is not None:
            target = torch.where(chosen > 0, self.indices, self.num_keys)
            heads = self.num_query_heads
            dense.scatter_(3, _per_query_head(target, heads), _per_query_head(chosen, heads))
        return torch.where(certain, 1.0, dense[..., :-1])


def _per_query_head(per_head: torch.Tensor, num_query_heads: int) -> torch.Tensor:
    group = num_query_heads // per_head.shape[1]
    return per_head if group == 1 else per_head.repeat_interleave(group, dim=1)


def _merge(mask: Mask, indices: torch.Tensor, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Join the mask's chosen keys with new ones; of a key in both, only the larger probability stays."""
    assert mask.indices is not None
    assert mask.probabilities is not None
    old_indices, old_probabilities = mask.indices, mask.probabilities
    if old_indices.shape[1] != indices.shape[1]:
        heads = mask.num_query_heads
        old_indices, indices = _per_query_head(old_indices, heads), _per_query_head(indices, heads)
        old_probabilities, probabilities = (
            _per_query_head(old_probabilities, heads),
            _per_query_head(probabilities, heads),
        )
    joined = torch.cat([old_indices, indices], dim=-1)
    weights = torch.cat([old_probabilities, probabilities], dim=-1)
    weights, order = weights.sort(dim=-1, descending=True, stable=True)
    joined, by_key = joined.gather(-1, order).sort(dim=-1, stable=True)
    weights = weights.gather(-1, by_key)
    repeated = torch.zeros_like(joined, dtype=torch.bool)
    repeated[..., 1:] = joined[..., 1:] == joined[..., :-1]
    return joined, weights.masked_fill(repeated, 0.0)
