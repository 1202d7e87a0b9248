"""Fills the length that is asked for with one sample after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from sparse_hub_benchmarks_builtin.generating.filler import Filler, shortest_length
from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task
from sparse_hub_core import Lengths, Request, UsageError

_DRAWS = 64


def generate(benchmark: str, subset: str, task: Task, lengths: Lengths, seed: int) -> Iterator[Request]:
    """Return the requests of a generated subset, which never end.

    Raises:
        UsageError: The length is too short for the smallest sample; raised at the call, before the first request.
    """
    shortest = shortest_length(task, lengths.count_tokens)
    if lengths.max_context_length < shortest:
        raise too_short(benchmark, subset, lengths, shortest)
    return _requests(benchmark, subset, task, lengths, seed)


def too_short(benchmark: str, subset: str, lengths: Lengths, shortest: int) -> UsageError:
    """Return the error for a length that not even the smallest sample fits into."""
    return UsageError(
        f"{benchmark}/{subset} does not fit into a context of {lengths.max_context_length} tokens: with this "
        f"tokenizer the shortest length that works is {shortest}, so raise --search-max-context-length or "
        "--validation-max-context-length (both count the prompt and the tokens to generate)."
    )


def _requests(benchmark: str, subset: str, task: Task, lengths: Lengths, seed: int) -> Iterator[Request]:
    filler = Filler.measured(task, lengths)
    for index in count():
        identity = f"{subset}-{lengths.max_context_length}-s{seed}-{index:06d}"
        sample = _sample(benchmark, subset, filler, identity)
        yield Request(identity, sample.context, (sample.question,))


def _sample(benchmark: str, subset: str, filler: Filler, identity: str) -> Sample:
    # At the shortest length a rare sample with long words or numbers does not fit and is drawn anew.
    for draw in range(_DRAWS):
        key = f"{identity}/{draw}"
        units = filler.units(key)
        if units is not None:
            return filler.task.render(key, units)
    raise too_short(benchmark, subset, filler.lengths, filler.length(key, filler.task.smallest))
