"""One subset under test: what it declares, and requests and questions to test it with."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sparse_hub_core.benchmark import Benchmark, CountTokens, Lengths, Question, Request
from sparse_hub_core.data.source import HubDataset, Rows
from sparse_hub_core.errors import DataError, UsageError
from sparse_hub_core.registry import Subset
from sparse_hub_core.testing.check import require

if TYPE_CHECKING:
    from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject

GENERATED_REQUESTS = 24
MOST_REQUESTS = 200
SEED = 0
SMALLEST_LENGTH, LARGEST_LENGTH = 64, 2**18
LENGTH_OF_FIXED = 2**14
"""What a subset of fixed contexts is asked for, which may ignore it."""
TOLERANCE = 1e-6
"""The share of the score range by which a score may miss its ends."""


def words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def pieces(text: str) -> int:
    """Count pieces of words, and signs, as tokenizers with a small vocabulary do."""
    return len(re.findall(r"\w{1,3}|[^\w\s]", text))


TOKENIZERS: Mapping[str, CountTokens] = {"words": words, "pieces": pieces}


@dataclass(frozen=True)
class SubsetSubject:
    """One subset, as the checks see it."""

    owner: BenchmarkSubject
    declared: Subset

    @property
    def name(self) -> str:
        """The name of the subset."""
        return self.declared.name

    @property
    def fills_lengths(self) -> bool:
        """Whether its requests are made as long as is asked for."""
        return self.declared.generated or self.declared.typical_length is None

    def fresh(self) -> Benchmark:
        """Return an instance that has seen nothing yet."""
        return self.owner.fresh()

    @cached_property
    def benchmark(self) -> Benchmark:
        """The instance that is asked where nothing else is said."""
        return self.fresh()

    @cached_property
    def dataset(self) -> HubDataset | None:
        """Where its rows lie."""
        return self.benchmark.dataset(self.name)

    @cached_property
    def rows(self) -> Rows:
        """The rows of the offline sample."""
        return self.benchmark.rows(self.name)

    @cached_property
    def sample_error(self) -> Exception | None:
        """What reading all rows of the offline sample raises, None where nothing is wrong."""
        try:
            if self.dataset is not None:
                for index in range(len(self.rows)):
                    self.rows[index]
        except Exception as error:
            # The check of the sample tells what was raised.
            return error
        return None

    def take(
        self,
        count: int,
        length: int | None = None,
        count_tokens: CountTokens = words,
        seed: int = SEED,
        benchmark: Benchmark | None = None,
    ) -> tuple[Request, ...]:
        """Return the first requests, by default those of the first instance at the usual length."""
        lengths = Lengths(self.length if length is None else length, count_tokens)
        return tuple(itertools.islice((benchmark or self.benchmark).requests(self.name, lengths, seed), count))

    def shortest(self, count_tokens: CountTokens = words) -> int:
        """Return the shortest length, of powers of two, at which there are requests."""
        length = SMALLEST_LENGTH if self.fills_lengths else LENGTH_OF_FIXED
        while True:
            try:
                self.take(1, length, count_tokens)
            except UsageError as error:
                # Data that are not there are not there at any length.
                if isinstance(error, DataError) or length >= LARGEST_LENGTH:
                    raise
                length *= 2
            else:
                return length

    @cached_property
    def length(self) -> int:
        """The length at which it is tested: at the shortest, requests that fill it may be much alike."""
        return 2 * self.shortest() if self.fills_lengths else self.shortest()

    @property
    def count(self) -> int:
        """How many requests are looked at; of what is not generated all."""
        return GENERATED_REQUESTS if self.declared.generated else MOST_REQUESTS

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """The requests that are looked at."""
        return self.take(self.count)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """All their questions."""
        return tuple(question for request in self.requests for question in request.questions)

    @cached_property
    def answered(self) -> tuple[Question, ...]:
        """The questions whose answers are published."""
        return tuple(question for question in self.questions if self.benchmark.score("", question) is not None)

    @property
    def best(self) -> float:
        """The best score there is."""
        return self.declared.score_range[1 if self.declared.higher_is_better else 0]

    @property
    def worst(self) -> float:
        """The worst score there is."""
        return self.declared.score_range[0 if self.declared.higher_is_better else 1]

    @property
    def slack(self) -> float:
        """By how much a score may miss the ends of the range."""
        return TOLERANCE * abs(self.best - self.worst)

    @property
    def there(self) -> list[str]:
        """The digests of the same requests in another process.

        Raises:
            AssertionError: It cannot make them.
        """
        told = self.owner.elsewhere["subsets"].get(self.name, {"error": "there are none"})
        require("requests" in told, f"another process cannot make its requests: {told.get('error')}")
        found: list[str] = told["requests"]
        return found


def spread(questions: Sequence[Question], count: int) -> list[Question]:
    """Return a few questions, from the first to the last."""
    if len(questions) <= count:
        return list(questions)
    return [questions[index * (len(questions) - 1) // (count - 1)] for index in range(count)]
