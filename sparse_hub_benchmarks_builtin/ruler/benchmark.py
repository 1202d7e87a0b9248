"""The benchmark as it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from sparse_hub_benchmarks_builtin.ruler import niah
from sparse_hub_benchmarks_builtin.ruler.filler import Filler, shortest_length
from sparse_hub_benchmarks_builtin.ruler.metric import string_match_all
from sparse_hub_benchmarks_builtin.ruler.sample import Sample, Task
from sparse_hub_benchmarks_builtin.ruler.variable_tracking import variable_tracking
from sparse_hub_core import Benchmark, CountTokens, Lengths, Question, Request, UsageError, did_you_mean

_TASKS: dict[str, Callable[[int, CountTokens], Task]] = {
    "niah_single_1": lambda seed, count_tokens: niah.NIAH_SINGLE_1,
    "niah_multikey_2": lambda seed, count_tokens: niah.NIAH_MULTIKEY_2,
    "niah_multikey_3": lambda seed, count_tokens: niah.NIAH_MULTIKEY_3,
    "vt": variable_tracking,
}
_DRAWS = 64


class Ruler(Benchmark):
    """RULER's retrieval and variable-tracking tasks, with the official prompts and metric."""

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield the requests of a subset without end, each as long as its haystack units allow.

        Args:
            subset: ``niah_single_1``, ``niah_multikey_2``, ``niah_multikey_3`` or ``vt``.
            lengths: The length that prompt, answer prefix and tokens to generate have to keep to together.
            seed: Another seed gives other requests.

        Raises:
            UsageError: The subset is unknown, or the length is too short for its smallest haystack.
        """
        if subset not in _TASKS:
            raise UsageError(f"ruler has no subset {subset!r}; {did_you_mean(subset, _TASKS)}")
        task = _TASKS[subset](seed, lengths.count_tokens)
        shortest = shortest_length(task, lengths.count_tokens)
        if lengths.max_context_length < shortest:
            raise _too_short(subset, lengths, shortest)
        # Not a generator itself, so that mistakes are reported before the first request is asked for.
        return _requests(subset, task, lengths, seed)

    def score(self, prediction: str, question: Question) -> float:
        """Return the share of the references found in a prediction, between 0 and 100."""
        return string_match_all(prediction, question.references)


def _requests(subset: str, task: Task, lengths: Lengths, seed: int) -> Iterator[Request]:
    filler = Filler.measured(task, lengths)
    for index in count():
        identity = f"{subset}-{lengths.max_context_length}-s{seed}-{index:06d}"
        sample = _sample(subset, filler, identity)
        yield Request(identity, sample.context, (sample.question,))


def _sample(subset: str, filler: Filler, identity: str) -> Sample:
    # At the shortest length a rare sample with long words does not fit and is drawn anew.
    for draw in range(_DRAWS):
        key = f"{identity}/{draw}"
        units = filler.units(key)
        if units is not None:
            return filler.task.render(key, units)
    raise _too_short(subset, filler.lengths, filler.length(key, filler.task.smallest))


def _too_short(subset: str, lengths: Lengths, shortest: int) -> UsageError:
    return UsageError(
        f"ruler/{subset} does not fit into a context of {lengths.max_context_length} tokens: with this "
        f"tokenizer the shortest length that works is {shortest}, so raise --search-max-context-length or "
        "--validation-max-context-length (both count the prompt and the tokens to generate)."
    )
