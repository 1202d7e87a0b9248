"""Frequent words extraction: name the three most frequent words of a text in a made-up language."""

from __future__ import annotations

from math import pi
from random import Random
from string import ascii_lowercase

from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task, stream
from sparse_hub_core import Lengths, Question

TOKENS_TO_GENERATE = 50
NOISE_WORD = "..."
"""The most frequent word, which does not count."""
_ANSWERS = 3
_LETTERS = 6
_TOKENS_PER_WORD_KNOWN = 50
_ZETA_2 = pi**2 / 6
_STEP = 2
"""A unit is this many words, so that it is never shorter than a token although rare words are left out."""
_SMALLEST = 37
"""From here on the fourth rank is always more frequent than the fifth."""
_SMALLEST_VOCABULARY = 6
"""The ranks that occur at all in the smallest text."""


def frequent_words(lengths: Lengths) -> Task:
    """Return the task, with a vocabulary that grows with the length."""
    length = lengths.whole_length or lengths.max_context_length
    vocabulary = max((length - TOKENS_TO_GENERATE) // _TOKENS_PER_WORD_KNOWN, _SMALLEST_VOCABULARY)

    def render(key: str, units: int) -> Sample:
        words = _words(stream(key, "words"), vocabulary)
        text = [word for rank, word in enumerate(words, 1) for _ in range(_count(units * _STEP, rank))]
        stream(key, "order").shuffle(text)
        intro = (
            "Read the following coded text and track the frequency of each coded word. "
            "Find the three most frequently appeared coded words. "
        )
        question = Question(
            text=(
                "\nQuestion: Do not provide any explanation. Please ignore the dots '....'. "
                "What are the three most frequently appeared words in the above coded text?"
            ),
            references=words[1 : 1 + _ANSWERS],
            answer_prefix=" Answer: According to the coded text above, the three most frequently appeared words are:",
            max_new_tokens=TOKENS_TO_GENERATE,
        )
        return Sample(intro + " ".join(text), question)

    return Task(render, _SMALLEST)


def _count(words: int, rank: int) -> int:
    """Return how often the word of a rank stands among about so many words: Zipf's law with exponent 2."""
    return int(words / (rank**2 * _ZETA_2))


def _words(random: Random, size: int) -> tuple[str, ...]:
    # A dict keeps the order in which they were drawn.
    drawn: dict[str, None] = {}
    while len(drawn) < size - 1:
        drawn["".join(random.choices(ascii_lowercase, k=_LETTERS))] = None
    return (NOISE_WORD, *drawn)
