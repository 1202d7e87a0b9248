"""The two benchmarks as they are registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from sparse_hub_benchmarks_builtin.aime.extraction import rule_2024, rule_2025, without_leading_zeros
from sparse_hub_core import (
    Benchmark,
    HubDataset,
    Lengths,
    Question,
    Request,
    UsageError,
    did_you_mean,
    group_by_context,
)

MAX_NEW_TOKENS = 32_000
INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


class Aime(Benchmark):
    """The problems of one year, asked without a context; what differs is said by the class of the year."""

    name: ClassVar[str]
    source: ClassVar[HubDataset]
    problem_column: ClassVar[str]
    answer_column: ClassVar[str]

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield a request per problem, in the order of the dataset.

        Args:
            subset: ``all``.
            lengths: Not looked at.
            seed: Not looked at.

        Raises:
            UsageError: The subset is unknown, or its rows cannot be had.
        """
        return group_by_context(self.name, self.rows(subset), self._read)

    def dataset(self, subset: str) -> HubDataset:
        """Return where the problems lie."""
        if subset != "all":
            raise UsageError(f"{self.name} has no subset {subset!r}; {did_you_mean(subset, ['all'])}")
        return self.source

    def perfect_prediction(self, question: Question) -> str:
        """Return the answer in a box."""
        return f"\\boxed{{{question.references[0]}}}"

    def _read(self, row: Mapping[str, Any]) -> tuple[str, Question]:
        text = f"{row[self.problem_column]}\n\n{INSTRUCTION}"
        return "", Question(text, (str(row[self.answer_column]).strip(),), max_new_tokens=MAX_NEW_TOKENS)


class Aime2024(Aime):
    """AIME I and II 2024, read by ``rule_2024``."""

    name = "aime2024"
    problem_column = "Problem"
    answer_column = "Answer"
    source = HubDataset(
        "Maxwell-Jia/AIME_2024",
        "aime2024",
        columns=("Problem", "Answer"),
        split="train",
        revision="8d88b2876a82a080e2f172cc9b25d0d9d2cb4792",
        hub_config="",
        other_columns=("Answer",),
    )

    def score(self, prediction: str, question: Question) -> float:
        """Return 1 where the number that is found is the answer, leading zeros aside, otherwise 0."""
        found = rule_2024(prediction)
        return float(found != "" and found == without_leading_zeros(question.references[0]))


class Aime2025(Aime):
    """AIME I and II 2025, read by ``rule_2025``."""

    name = "aime2025"
    problem_column = "problem"
    answer_column = "answer"
    source = HubDataset(
        "yentinglin/aime_2025",
        "aime2025",
        columns=("problem", "answer"),
        split="train",
        revision="6f71d77b0b89b9dabe07ab466c51df33f514df7f",
        hub_config="",
    )

    def score(self, prediction: str, question: Question) -> float:
        """Return 1 where the number that is found is the answer to the letter, otherwise 0."""
        return float(rule_2025(prediction) in question.references)
