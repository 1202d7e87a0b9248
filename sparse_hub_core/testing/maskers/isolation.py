"""Checks that what is remembered belongs to one layer of one sequence."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.testing.check import check
from sparse_hub_core.testing.maskers.subject import MAX_LAYERS, Subject
from sparse_hub_core.testing.maskers.tensors import Seen, Tensors, attend, draw, require_same, seen

STEPS = (3, 1, 1)


@check()
def reset_forgets_the_sequence(subject: Subject) -> None:
    """After a reset, another sequence gives what it gives at first."""
    stack, first, second = (
        subject.behind(subject.small),
        draw(subject, 30, subject.length),
        draw(subject, 31, subject.length),
    )
    attention = SparseAttention(stack)
    list(_steps(subject, attention, first))
    attention.reset()
    _require_same_steps(
        _steps(subject, attention, second), _steps(subject, SparseAttention(stack), second), "after a reset"
    )


@check()
def two_sequences_do_not_mix(subject: Subject) -> None:
    """Two sequences that take turns, each with an attention of its own, give what they give alone."""
    stack, one, two = (
        subject.behind(subject.small),
        draw(subject, 32, subject.length),
        draw(subject, 33, subject.length - 5),
    )
    alone = [list(_steps(subject, SparseAttention(stack), tensors)) for tensors in (one, two)]
    turns = zip(*(_steps(subject, SparseAttention(stack), tensors) for tensors in (one, two)), strict=True)
    for number, results in enumerate(turns):
        for result, sequence in zip(results, alone, strict=True):
            require_same(result, sequence[number], f"call {number} of two sequences that take turns")


@check()
def two_layers_do_not_mix(subject: Subject) -> None:
    """Two layers that take turns, as in a model, give what each gives alone."""
    stack, one, two = (
        subject.behind(subject.small),
        draw(subject, 34, subject.length),
        draw(subject, 35, subject.length),
    )
    masker = subject.small.create_masker()
    other = next(i for i in range(subject.layer + 1, MAX_LAYERS + 2) if not masker.reads_everything(i))
    layers = ((one, subject.layer), (two, other))
    alone = [list(_steps(subject, SparseAttention(stack), tensors, layer)) for tensors, layer in layers]
    attention = SparseAttention(stack)
    turns = zip(*(_steps(subject, attention, tensors, layer) for tensors, layer in layers), strict=True)
    for number, results in enumerate(turns):
        for result, sequence in zip(results, alone, strict=True):
            require_same(result, sequence[number], f"call {number} of two layers that take turns")


def _steps(subject: Subject, attention: SparseAttention, tensors: Tensors, layer: int | None = None) -> Iterator[Seen]:
    """Yield what each call of a short generation gives."""
    if subject.stage == "prefill":
        for stop in (tensors.length - 50, tensors.length):
            yield seen(attend(subject, attention, tensors, stop=stop, layer=layer), tensors.length)
        return
    stop = tensors.length - sum(STEPS)
    for step in STEPS:
        start, stop = stop, stop + step
        yield seen(attend(subject, attention, tensors, start, stop, layer=layer), tensors.length)


def _require_same_steps(one: Iterator[Seen], other: Iterator[Seen], what: str) -> None:
    for number, (result, wanted) in enumerate(zip(one, other, strict=True)):
        require_same(result, wanted, f"{what}, call {number}")
