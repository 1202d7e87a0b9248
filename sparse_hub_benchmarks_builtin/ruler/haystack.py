"""Prose as a haystack: words by number, and where its sentences begin."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

_OPENING = "\"'\u201c\u2018([*_"
_CLOSING = "\"'\u201d\u2019)]*_"
_SENTENCE_END = re.compile(rf"[.!?][{re.escape(_CLOSING)}]*$")
_SENTENCE_START = re.compile(rf"[{re.escape(_OPENING)}]*[A-Z0-9]")
_INITIAL = re.compile(r"[A-HJ-Z]\.$")
"""A lone I ends a sentence more often than it is an initial."""
_TITLES = frozenset(
    ("Mr.", "Mrs.", "Ms.", "Messrs.", "Dr.", "St.", "Col.", "Capt.", "Gen.", "Rev.", "Prof.", "Sr.", "Jr.", "vs.")
)


@dataclass(frozen=True)
class Haystack:
    """A text that is repeated where it is too short, as RULER does."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    """The numbers of the words that begin a sentence."""

    @classmethod
    def of(cls, text: str) -> Haystack:
        """Return the haystack that a text is."""
        words = tuple(text.split())
        later = (index for index, (word, following) in enumerate(pairwise(words), 1) if _ends(word, following))
        return cls(words, (0, *later))

    def sentences(self, words: int) -> int:
        """Return how many sentences the first words make, a last one that is cut included."""
        rounds, rest = divmod(words, len(self.words))
        return rounds * len(self.starts) + bisect_left(self.starts, rest)

    def start(self, sentence: int) -> int:
        """Return the number of the word that a sentence begins with."""
        rounds, rest = divmod(sentence, len(self.starts))
        return rounds * len(self.words) + self.starts[rest]

    def text(self, first: int, last: int) -> str:
        """Return the words from one number up to another."""
        rounds, first_there = divmod(first, len(self.words))
        last_there = last - rounds * len(self.words)
        words = self.words
        # Repeated only where the text runs out, because copying it takes longer than cutting it.
        if last_there > len(words):
            words = words * -(-last_there // len(words))
        return " ".join(words[first_there:last_there])


def _ends(word: str, following: str) -> bool:
    if not _SENTENCE_END.search(word) or not _SENTENCE_START.match(following):
        return False
    bare = word.lstrip(_OPENING)
    return bare not in _TITLES and not _INITIAL.match(bare)
