"""The words of RULER's keys and lists."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from sparse_hub_benchmarks_builtin.generating.sample import shuffled


@cache
def word_lists() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all adjectives and all nouns of wonderwords, sorted."""
    return _words("adjective"), _words("noun")


@cache
def all_words() -> tuple[str, ...]:
    """Return all adjectives, nouns and verbs of wonderwords, sorted."""
    return tuple(sorted({word for kind in ("adjective", "noun", "verb") for word in _words(kind)}))


def _words(kind: str) -> tuple[str, ...]:
    # Imported here because wonderwords takes a tenth of a second that only generation needs to spend.
    from wonderwords import RandomWord

    return tuple(sorted(set(RandomWord().filter(include_categories=[kind]))))


def word_pair(random: Random) -> str:
    """Return a random pair such as ``steadfast-vaccine``, one of about six million."""
    adjectives, nouns = word_lists()
    return f"{random.choice(adjectives)}-{random.choice(nouns)}"


def distinct_words(random: Random) -> Iterator[str]:
    """Yield words without repeats and without end: all single ones, then pairs."""
    yield from shuffled(all_words(), random)
    taken: set[str] = set(all_words())
    while True:
        pair = word_pair(random)
        if pair not in taken:
            taken.add(pair)
            yield pair
