"""Fills the length that is asked for with one sample after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from sparse_hub_benchmarks_builtin.infinite_bench.generated.functions import CODE_RUN
from sparse_hub_benchmarks_builtin.infinite_bench.generated.key_values import KV_RETRIEVAL
from sparse_hub_benchmarks_builtin.infinite_bench.generated.noise import NUMBER_STRING, PASSKEY
from sparse_hub_benchmarks_builtin.infinite_bench.generated.number_list import MATH_FIND
from sparse_hub_benchmarks_builtin.ruler.filler import Filler, shortest_length
from sparse_hub_benchmarks_builtin.ruler.sample import Sample, Task
from sparse_hub_core import Lengths, Request, UsageError

GENERATED: dict[str, Task] = {
    "passkey_generated": PASSKEY,
    "number_string_generated": NUMBER_STRING,
    "kv_retrieval_generated": KV_RETRIEVAL,
    "math_find_generated": MATH_FIND,
    "code_run_generated": CODE_RUN,
}
_DRAWS = 64


def generate(subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
    """Return the requests of a generated subset, which never end.

    Raises:
        UsageError: The length is too short for the smallest sample.
    """
    task = GENERATED[subset]
    shortest = shortest_length(task, lengths.count_tokens)
    if lengths.max_context_length < shortest:
        raise _too_short(subset, lengths, shortest)
    return _requests(subset, task, lengths, seed)


def _requests(subset: str, task: Task, lengths: Lengths, seed: int) -> Iterator[Request]:
    filler = Filler.measured(task, lengths)
    for index in count():
        identity = f"{subset}-{lengths.max_context_length}-s{seed}-{index:06d}"
        sample = _sample(subset, filler, identity)
        yield Request(identity, sample.context, (sample.question,))


def _sample(subset: str, filler: Filler, identity: str) -> Sample:
    # At the shortest length a rare sample with long numbers does not fit and is drawn anew.
    for draw in range(_DRAWS):
        key = f"{identity}/{draw}"
        units = filler.units(key)
        if units is not None:
            return filler.task.render(key, units)
    raise _too_short(subset, filler.lengths, filler.length(key, filler.task.smallest))


def _too_short(subset: str, lengths: Lengths, shortest: int) -> UsageError:
    return UsageError(
        f"infinite_bench/{subset} does not fit into a context of {lengths.max_context_length} tokens: with this "
        f"tokenizer the shortest length that works is {shortest}, so raise --search-max-context-length or "
        "--validation-max-context-length (both count the prompt and the tokens to generate)."
    )
