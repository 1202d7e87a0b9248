"""What a benchmark is: requests (a context with its questions) and a score. Free of torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

CountTokens: TypeAlias = Callable[[str], int]
"""Counts the tokens of a text as the model under test does, special tokens left out."""


@dataclass(frozen=True)
class Question:
    """One question about a context, with the answers that count as right."""

    text: str
    references: tuple[str, ...]
    answer_prefix: str = ""
    max_new_tokens: int = 128


@dataclass(frozen=True)
class Request:
    """One context with its questions; ``id`` is stable and unique within a task."""

    id: str
    context: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Lengths:
    """What a benchmark must keep to when it makes requests, in tokens of the model under test."""

    max_context_length: int
    count_tokens: CountTokens


class Benchmark(ABC):
    """Makes the requests of its subsets and scores predictions; created without arguments."""

    @abstractmethod
    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield the requests of a subset, in a fixed order, the first k the same however many are taken.

        Generated subsets fill ``lengths.max_context_length`` (prompt, answer prefix and the tokens to generate) as
        closely as their units allow and never end; fixed ones yield untruncated contexts and may ignore it.

        Raises:
            UsageError: The context length is too short for the subset, or its data cannot be had.
        """

    @abstractmethod
    def score(self, prediction: str, question: Question) -> float:
        """Return the score of one prediction, on the scale the benchmark was registered with."""
