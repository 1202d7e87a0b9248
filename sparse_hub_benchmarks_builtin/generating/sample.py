"""What the generators have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias, TypeVar

from sparse_hub_core import CountTokens, Question

T = TypeVar("T")

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."


@dataclass(frozen=True)
class Sample:
    """A context and its question, at one number of haystack units."""

    context: str
    question: Question

    def length(self, count_tokens: CountTokens) -> int:
        """Return what the sample takes up: the prompt, its answer prefix and the tokens to generate."""
        prompt = self.context + self.question.text + self.question.answer_prefix
        return count_tokens(prompt) + self.question.max_new_tokens


Render: TypeAlias = Callable[[str, int], Sample]
"""Makes the sample of a key with a number of haystack units; more units keep everything but the places."""


@dataclass(frozen=True)
class Task:
    """A generator and the smallest haystack it can work with."""

    render: Render
    smallest: int


def stream(key: str, purpose: str) -> Random:
    """Return the random numbers that belong to a key and a purpose, the same on every machine."""
    digest = hashlib.sha256(f"{key}/{purpose}".encode()).digest()
    return Random(int.from_bytes(digest, "big"))


def shuffled(items: Sequence[T], random: Random) -> Iterator[T]:
    """Yield the items in random order, without the cost of shuffling those that are not taken."""
    moved: dict[int, int] = {}
    for last in range(len(items) - 1, -1, -1):
        place = random.randint(0, last)
        yield items[moved.get(place, place)]
        moved[place] = moved.get(last, last)
