"""The adjective-noun pairs that RULER uses as keys."""

from __future__ import annotations

from functools import cache
from random import Random


@cache
def word_lists() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all adjectives and all nouns of wonderwords, sorted."""
    # Imported here because wonderwords takes a tenth of a second that only generation needs to spend.
    from wonderwords import RandomWord

    words = RandomWord()
    adjectives, nouns = (sorted(set(words.filter(include_categories=[kind]))) for kind in ("adjective", "noun"))
    return tuple(adjectives), tuple(nouns)


def word_pair(random: Random) -> str:
    """Return a random pair such as ``steadfast-vaccine``, one of about six million."""
    adjectives, nouns = word_lists()
    return f"{random.choice(adjectives)}-{random.choice(nouns)}"
