"""Checks that a row depends on nothing but its own head's keys up to its own, whatever else is in the call."""

from __future__ import annotations

import itertools

import torch

from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.conditions import decodes, has_groups
from sparse_hub_core.testing.maskers.subject import CHUNK, Subject
from sparse_hub_core.testing.maskers.tensors import Tensors, attend, draw, look, require_same, seen

PADDING = 7
ALLOWED = 0.7
"""The share of keys that a query may read where some are forbidden at random."""


@check()
def future_changes_nothing(subject: Subject) -> None:
    """Other queries, keys and values later in a call leave earlier rows as they are."""
    tensors = draw(subject, 10, subject.length)
    for config in subject.variants:
        stack = subject.behind(config)
        result = attend(subject, SparseAttention(stack), tensors)
        size = result.mask.blocks.size if isinstance(result.mask, Mask) and result.mask.blocks is not None else 1
        first = tensors.length - result.output.shape[2]
        # Prefill methods may choose for a block of queries at once, so their future begins with the next block.
        rows = (tensors.length - first) * 2 // 3 // size * size
        other = look(subject, stack, tensors.changed(first + rows, None, 3.0))
        require_same(
            seen(result).rows(0, rows), other.rows(0, rows), f"another future changes earlier rows of {config}"
        )


@check(decodes)
def future_changes_nothing_without_a_prefix(subject: Subject) -> None:
    """The same where all keys are new, so that queries stand at the first positions."""
    stack, tensors = subject.behind(subject.small), draw(subject, 11, subject.length)
    for cut in (1, tensors.length * 2 // 3):
        one, other = (
            seen(attend(subject, SparseAttention(stack), given, 0)).rows(0, cut)
            for given in (tensors, tensors.changed(cut, None, 3.0))
        )
        require_same(one, other, "without a prefix, another future changes earlier rows")


@check(decodes)
def chunks_equal_single_steps(subject: Subject) -> None:
    """Queries that come at once, in chunks or one by one after a prefix read the same keys."""
    tensors, first = draw(subject, 12, subject.length, 2), subject.length - CHUNK
    shares = [name for name in subject.plain_floats if name == subject.config_class.budget_field]
    hint = f" (a share of the call's keys, which {shares[0]} may be, is to be typed Size)" if shares else ""
    for config, plain in itertools.product(subject.variants, (False, True)):
        stack = subject.behind(config)
        at_once = seen(attend(subject, SparseAttention(stack), tensors, plain=plain))
        for chunks, what in (([1] * CHUNK, "single steps"), ([1, 4, CHUNK - 5], "chunks")):
            attention, stop = SparseAttention(stack), first
            for chunk in chunks:
                start, stop = stop, stop + chunk
                rows = seen(attend(subject, attention, tensors, start, stop, plain=plain), tensors.length)
                wanted = at_once.rows(start - first, stop - first)
                require_same(rows, wanted, f"{what} of {config} differ from one call at position {start}{hint}")


@check()
def padding_changes_nothing(subject: Subject) -> None:
    """A left-padded sequence gives what it gives alone, whatever stands in the padding."""
    stack, tensors = subject.behind(subject.small), draw(subject, 13, subject.length, 2)
    padded = _with_padding(tensors)
    allowed = (torch.arange(tensors.length) >= torch.tensor([0, PADDING])[:, None])[:, None, None]
    allowed = allowed.expand(-1, -1, tensors.length, -1)
    batch = look(subject, stack, padded, allowed)
    for row, start in ((0, 0), (1, PADDING)):
        alone = look(subject, stack, tensors.sequence(row, start))
        together = batch.sequence(row)
        together = type(together)(together.output, together.probabilities[..., start:])
        if subject.stage == "prefill":
            together = together.rows(start, None)
        require_same(together, alone, f"beside {PADDING} tokens of padding" if start else "beside a padded sequence")


def _with_padding(tensors: Tensors) -> Tensors:
    padding = tensors.sequence(1).changed(0, PADDING, 50.0)
    return Tensors(*(torch.cat([getattr(tensors, n)[:1], getattr(padding, n)]) for n in ("queries", "keys", "values")))


@check()
def forbidden_keys_stay_unread(subject: Subject) -> None:
    """Where a call forbids keys at random, or all before a window, none of them is read and the output is finite."""
    stack, tensors = subject.behind(subject.small, subject.given(last=1)), draw(subject, 16, subject.length, 2)
    positions = torch.arange(tensors.length)
    distance = positions[:, None] - positions
    pairs = torch.rand(2, 1, *distance.shape, generator=torch.Generator().manual_seed(16))
    window = (distance < tensors.length // 4).expand_as(pairs)
    for allowed, what in (((pairs < ALLOWED) | (distance == 0), "at random"), (window, "before a window")):
        result = look(subject, stack, tensors, allowed)
        forbidden = ~allowed[:, :, -result.output.shape[2] :]
        number = int(((result.probabilities > 0) & forbidden).sum())
        require(not number, f"{number} pairs are read that the call forbids, {what}")
        require(torch.isfinite(result.output).all(), f"there is NaN or Inf where keys {what} are forbidden")


@check()
def batch_rows_are_independent(subject: Subject) -> None:
    """A sequence gives the same alone and beside others."""
    stack, tensors = subject.behind(subject.small), draw(subject, 14, subject.length, 3)
    batch = look(subject, stack, tensors)
    for row in range(3):
        require_same(batch.sequence(row), look(subject, stack, tensors.sequence(row)), f"sequence {row} of a batch")


@check(has_groups)
def groups_are_independent(subject: Subject) -> None:
    """Other keys and values in one KV head change nothing for the query heads of the others."""
    tensors = draw(subject, 15, subject.length)
    kv_heads, shared = tensors.keys.shape[1], tensors.queries.shape[1] // tensors.keys.shape[1]
    for config, head in itertools.product(subject.variants, range(kv_heads)):
        others = torch.arange(tensors.queries.shape[1]) // shared != head
        one, other = (
            look(subject, subject.behind(config), given).heads(others)
            for given in (tensors, tensors.with_other_head(head))
        )
        require_same(one, other, f"other keys in KV head {head} change rows of other groups of {config}")
