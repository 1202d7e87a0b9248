"""Test sequences, calls as a model makes them, and the comparison of what they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.attention.layer import OBSERVED_QUERIES, Prefix
from sparse_hub_core.attention.result import AttentionResult
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.testing.check import require
from sparse_hub_core.testing.maskers.subject import CHUNK, Subject

HEADS = (4, 2)
HEAD_DIM = 32
PROBABILITY_TOLERANCE = 1e-3
OUTPUT_TOLERANCE = 1e-3
TIES = 0.002
"""The share of pairs that may differ: sums of another order round otherwise, which can decide between equal scores."""


@dataclass(frozen=True)
class Tensors:
    """A batch of sequences with a query at every position."""

    queries: torch.Tensor
    """``(B, Hq, L, d)``."""
    keys: torch.Tensor
    """``(B, Hkv, L, d)``."""
    values: torch.Tensor
    """``(B, Hkv, L, d)``."""

    @property
    def length(self) -> int:
        """The positions of each sequence."""
        return self.keys.shape[2]

    def changed(self, start: int, stop: int | None, factor: float) -> Tensors:
        """Return a copy in which the positions from start to stop hold something else."""
        parts = []
        for tensor in (self.queries, self.keys, self.values):
            copy = tensor.clone()
            copy[:, :, start:stop] = copy[:, :, start:stop].flip(-1) * factor - 1
            parts.append(copy)
        return Tensors(*parts)

    def with_other_head(self, head: int) -> Tensors:
        """Return a copy in which one KV head holds other keys and values."""
        parts = []
        for tensor in (self.keys, self.values):
            copy = tensor.clone()
            copy[:, head] = copy[:, head].flip(-1) * 3.0 - 1
            parts.append(copy)
        return Tensors(self.queries, *parts)

    def sequence(self, row: int, start: int = 0) -> Tensors:
        """Return one sequence of the batch, from a position on."""
        one = slice(row, row + 1)
        return Tensors(self.queries[one, :, start:], self.keys[one, :, start:], self.values[one, :, start:])

    def to(self, target: torch.dtype | torch.device) -> Tensors:
        """Return it with another dtype, or on another device."""
        return Tensors(self.queries.to(target), self.keys.to(target), self.values.to(target))


def draw(subject: Subject, seed: int, length: int, batch: int = 1, heads: tuple[int, int] | None = None) -> Tensors:
    """Draw a batch whose keys have something in common, as real keys do, in shapes that the masker fits."""
    generator = torch.Generator().manual_seed(seed)
    query_heads, kv_heads = heads or subject.heads or HEADS
    queries, keys, values = (
        torch.randn(batch, count, length, subject.head_dim or HEAD_DIM, generator=generator)
        for count in (query_heads, kv_heads, kv_heads)
    )
    return Tensors(queries, keys + 0.5, values)


@dataclass(frozen=True)
class Seen:
    """What some rows of a call gave, over all keys of the sequence."""

    output: torch.Tensor
    """``(B, Hq, Lq, d)``."""
    probabilities: torch.Tensor
    """``(B, Hq, Lq, L)``; 0 = not read."""

    def rows(self, start: int | None, stop: int | None) -> Seen:
        """Return some of the queries."""
        return Seen(self.output[:, :, start:stop], self.probabilities[:, :, start:stop])

    def heads(self, chosen: torch.Tensor) -> Seen:
        """Return some of the query heads, ``chosen`` ``(Hq,)`` boolean."""
        return Seen(self.output[:, chosen], self.probabilities[:, chosen])

    def sequence(self, row: int) -> Seen:
        """Return one sequence of the batch."""
        return Seen(self.output[row : row + 1], self.probabilities[row : row + 1])


def attend(
    subject: Subject,
    attention: SparseAttention,
    tensors: Tensors,
    start: int | None = None,
    stop: int | None = None,
    allowed: torch.Tensor | None = None,
    layer: int | None = None,
    plain: bool = False,
) -> AttentionResult:
    """Attend with the queries from ``start`` to ``stop``, as a model does after a prefix that ends at ``start``.

    By default that is the last few queries, or all of them for a masker of the prefix's own queries. Maskers see the
    prefix's last queries, as in a model; where the tensors are ``plain``, they do not.
    """
    stop = tensors.length if stop is None else stop
    if subject.stage == "prefill":
        start = 0
    elif start is None:
        start = max(0, stop - CHUNK)
    observed = None if plain else tensors.queries[:, :, max(0, start - OBSERVED_QUERIES) : start]
    return attention.attend(
        tensors.queries[:, :, start:stop],
        tensors.keys[:, :, :stop],
        tensors.values[:, :, :stop],
        Scoring(tensors.keys.shape[-1] ** -0.5),
        None if allowed is None else allowed[:, :, start:stop, :stop],
        subject.layer if layer is None else layer,
        prefix=Prefix(start, observed),
        stage=subject.stage,
    )


def look(
    subject: Subject, stack: Sequence[MaskerConfig], tensors: Tensors, allowed: torch.Tensor | None = None
) -> Seen:
    """Return what a new sequence gives."""
    return seen(attend(subject, SparseAttention(stack), tensors, allowed=allowed))


def seen(result: AttentionResult, length: int | None = None) -> Seen:
    """Return what a call gave, its mask widened to ``length`` keys."""
    probabilities = result.mask.to_dense()
    width = probabilities.shape[-1] if length is None else length
    return Seen(result.output, torch.nn.functional.pad(probabilities, (0, width - probabilities.shape[-1])))


def dense(subject: Subject, tensors: Tensors) -> torch.Tensor:
    """Return dense attention's output for the queries that ``attend`` takes by default."""
    start = 0 if subject.stage == "prefill" else max(0, tensors.length - CHUNK)
    scoring = Scoring(tensors.keys.shape[-1] ** -0.5)
    return dense_attention(tensors.queries[:, :, start:], tensors.keys, tensors.values, scoring)


def require_same(one: Seen, other: Seen, what: str) -> None:
    """Require that the same keys are read with the same probabilities, and that outputs agree.

    Raises:
        AssertionError: They differ; the sentence starts with ``what``.
    """
    p, q = one.probabilities, other.probabilities
    apart = (p - q).abs() > PROBABILITY_TOLERANCE * torch.maximum(p, q)
    number, read = int(apart.sum()), int((p > 0).sum())
    require(
        number <= max(2, TIES * read),
        f"{what}: {number} pairs are read differently, {read} and {int((q > 0).sum())} are read; "
        f"the first at (batch, head, query, key) {apart.nonzero()[0].tolist() if number else []}",
    )
    same = ~apart.any(-1)
    require_close(one.output[same], other.output[same], f"{what}: the same keys are read, but outputs differ")


def require_close(one: torch.Tensor, other: torch.Tensor, what: str, tolerance: float = OUTPUT_TOLERANCE) -> None:
    """Require that outputs agree.

    Raises:
        AssertionError: They differ; the sentence starts with ``what``.
    """
    worst = float((one.float() - other.float()).abs().max()) if one.numel() else 0.0
    require(worst <= tolerance, f"{what} by up to {worst:.2g}")
