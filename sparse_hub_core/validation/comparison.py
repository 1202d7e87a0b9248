"""Which of two answers to the same questions is better, and whether that is noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from sparse_hub_core.errors import UsageError
from sparse_hub_core.results.schema import Interval, PredictionLine
from sparse_hub_core.validation.significance import holm, paired_test
from sparse_hub_core.validation.statistics import is_told, paired_difference


@dataclass(frozen=True)
class Answers:
    """What one configuration, or dense attention, scored: by request and question."""

    name: str
    scores: Mapping[tuple[str, int], float]

    @property
    def mean(self) -> float:
        """The mean over the questions; not a number where there is none."""
        return sum(self.scores.values()) / len(self.scores) if self.scores else float("nan")


@dataclass(frozen=True)
class Comparison:
    """Two answers to the questions they share."""

    first: str
    second: str
    difference: Interval
    """First minus second, clustered by request."""
    p_value: float
    adjusted_p: float
    """By Holm, over all comparisons that were made together."""
    family: int
    """How many these were."""
    test: str
    only_first_right: int | None
    """Questions that only the first answers rightly; None where the metric is graded."""
    only_second_right: int | None

    @property
    def is_told(self) -> bool:
        """Whether the two can be told apart: the interval leaves out zero, and the adjusted p-value is at most 5%."""
        return is_told(self.difference, self.adjusted_p)

    def better(self, higher_is_better: bool = True) -> str | None:
        """Return the name of the better one, or None where the difference is within noise."""
        if not self.is_told:
            return None
        return self.first if (self.difference.mean > 0) == higher_is_better else self.second


def answers_of(
    lines: Sequence[PredictionLine], which: Literal["sparse", "dense"] = "sparse", name: str | None = None
) -> Answers:
    """Return the answers of sparse or dense attention; questions without a score are left out."""
    scores: dict[tuple[str, int], float] = {}
    for line in lines:
        score = line.sparse_score if which == "sparse" else line.dense_score
        if score is not None:
            scores[line.request_id, line.question_index] = score
    return Answers(name or which, scores)


def compare(first: Answers, second: Answers, score_range: tuple[float, float], seed: int = 0) -> Comparison:
    """Return how two answers differ on the questions they share, paired and clustered by request.

    Raises:
        UsageError: They share no question.
    """
    mine, its = _shared(first, second)
    tested = paired_test(mine, its, score_range, seed)
    return Comparison(
        first=first.name,
        second=second.name,
        difference=paired_difference(mine, its, *score_range),
        p_value=tested.p_value,
        adjusted_p=tested.p_value,
        family=1,
        test=tested.test,
        only_first_right=tested.only_first,
        only_second_right=tested.only_second,
    )


def compare_all(answers: Sequence[Answers], score_range: tuple[float, float], seed: int = 0) -> list[Comparison]:
    """Return all pairs, the one that comes earlier first, adjusted by Holm.

    Raises:
        UsageError: Two of them share no question.
    """
    return adjusted([compare(first, second, score_range, seed) for first, second in combinations(answers, 2)])


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons with their p-values adjusted over all of them."""
    p_values = holm([comparison.p_value for comparison in comparisons])
    return [
        replace(comparison, adjusted_p=p_value, family=len(comparisons))
        for comparison, p_value in zip(comparisons, p_values, strict=True)
    ]


def _shared(first: Answers, second: Answers) -> tuple[list[list[float]], list[list[float]]]:
    """Return the scores of the questions that both answer, by request, sorted so that their order does not matter."""
    questions = sorted(first.scores.keys() & second.scores.keys())
    if not questions:
        raise UsageError(
            f"{first.name} and {second.name} share no question, so they cannot be compared; validate both on the same "
            "task with the same seed and the same limits."
        )
    requests: dict[str, list[tuple[str, int]]] = {}
    for question in questions:
        requests.setdefault(question[0], []).append(question)
    mine, its = (
        [[side.scores[question] for question in of_request] for of_request in requests.values()]
        for side in (first, second)
    )
    return mine, its
