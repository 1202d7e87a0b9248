"""Common words extraction: name the ten words that a numbered list holds most often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task, stream
from sparse_hub_benchmarks_builtin.ruler.words import distinct_words
from sparse_hub_core import Lengths, Question

TOKENS_TO_GENERATE = 120
COMMON_WORDS = 10
_LONG = 4096
_SMALLEST = 2 * COMMON_WORDS
_INTRO = (
    "Below is a numbered list of words. In these words, some appear more often than others. "
    "Memorize the ones that appear most often.\n"
)
_QUESTION = "\nQuestion: What are the 10 most common words in the above list?"
_ANSWER_PREFIX = " Answer: The top 10 words that appear most often in the list are:"
_NOT_DRAWN = frozenset((_QUESTION + _ANSWER_PREFIX).lower().replace("?", "").replace(":", "").split())


@dataclass(frozen=True)
class _Repeats:
    """How often the common and the other words stand in a list."""

    common: int
    other: int


def common_words(lengths: Lengths) -> Task:
    """Return the task; its units are the different words of the list.

    Args:
        lengths: Lists of less than 4096 tokens repeat their words less.
    """
    if (lengths.whole_length or lengths.max_context_length) < _LONG:
        repeats, example_repeats, example_words = _Repeats(6, 1), _Repeats(3, 1), 20
    else:
        repeats, example_repeats, example_words = _Repeats(30, 3), _Repeats(10, 3), 40

    def render(key: str, units: int) -> Sample:
        example, answers = _list(f"{key}/example", example_words, example_repeats)
        context, references = _list(key, units, repeats)
        shown = f"{_INTRO}{example}{_QUESTION}{_ANSWER_PREFIX} {_numbered(answers)}\n"
        question = Question(_QUESTION, references, _ANSWER_PREFIX, TOKENS_TO_GENERATE)
        return Sample(f"{shown}{_INTRO}{context}", question)

    return Task(render, _SMALLEST)


def _list(key: str, words: int, repeats: _Repeats) -> tuple[str, tuple[str, ...]]:
    drawn = (word for word in distinct_words(stream(key, "words")) if word.lower() not in _NOT_DRAWN)
    common, other = tuple(islice(drawn, COMMON_WORDS)), tuple(islice(drawn, words - COMMON_WORDS))
    listed = [*common * repeats.common, *other * repeats.other]
    stream(key, "order").shuffle(listed)
    return _numbered(listed), common


def _numbered(words: Sequence[str]) -> str:
    return " ".join(f"{number}. {word}" for number, word in enumerate(words, 1))
