"""Scores of dense and sparse attention side by side: of all questions, by metric, and by stratum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.results.schema import ROUNDING, OtherScores, Scores, StratumScores, ValidationRequestLine
from sparse_hub_core.validation.significance import Tested, paired_test
from sparse_hub_core.validation.statistics import clustered_mean, paired_difference

if TYPE_CHECKING:
    from sparse_hub_core.evaluation import PreparedRequest
    from sparse_hub_core.registry import Subset

ByRequest: TypeAlias = Sequence[Sequence[float | None]]
"""The scores of each request's questions; None where the answer is not published."""


@dataclass(frozen=True)
class Judge:
    """Means and paired differences on a scale."""

    score_range: tuple[float, float]
    seed: int

    def scores(self, dense: ByRequest, sparse: ByRequest | None) -> Scores:
        """Return the scores of the questions that have one; requests without any are left out."""
        low, high = self.score_range
        of_dense = _known(dense)
        if not of_dense:
            return Scores(dense=None)
        mean = clustered_mean(of_dense, low, high)
        if sparse is None:
            return Scores(dense=mean)
        of_sparse = _known(sparse)
        return Scores(
            dense=mean,
            sparse=clustered_mean(of_sparse, low, high),
            difference=paired_difference(of_sparse, of_dense, low, high),
        )

    def tested(self, dense: ByRequest, sparse: ByRequest) -> Tested:
        """Return the test of sparse against dense on the questions that have a score."""
        return paired_test(_known(sparse), _known(dense), self.score_range, self.seed)


def check_scores(
    subset: Subset,
    extra_metrics: Sequence[str],
    dense: Sequence[ValidationRequestLine],
    sparse: Sequence[ValidationRequestLine] | None,
) -> None:
    """Check that a benchmark scored as it said it would.

    Raises:
        SparseHubError: A score is out of range, a metric is missing or was not announced, or an answer is known
            for one of the two attentions only.
    """
    low, high = subset.score_range
    slack = ROUNDING * (high - low)
    metrics = {*subset.other_metrics, *extra_metrics}
    for line in [*dense, *(sparse or ())]:
        for index, (score, others) in enumerate(zip(line.scores, line.other_scores, strict=True)):
            place = f"question {index} of request {line.request_id!r}"
            if score is not None and set(others) != metrics:
                found, announced = (", ".join(sorted(names)) or "none" for names in (others, metrics))
                raise SparseHubError(f"The further scores of {place} are {found}, but those announced are {announced}.")
            for value in others.values() if score is None else (score, *others.values()):
                if not low - slack <= value <= high + slack:
                    raise SparseHubError(f"A score of {place} is {value:g}, outside of its range {low:g} to {high:g}.")
    for of_dense, of_sparse in zip(dense, sparse or dense, strict=True):
        if [score is None for score in of_dense.scores] != [score is None for score in of_sparse.scores]:
            raise SparseHubError(
                f"Request {of_dense.request_id!r} has a score for one prediction and none for another; whether an "
                "answer is known must not depend on the prediction."
            )


def other_scores(
    judge: Judge, dense: Sequence[ValidationRequestLine], sparse: Sequence[ValidationRequestLine] | None
) -> list[OtherScores]:
    """Return the further metrics, in the order in which the benchmark gives them."""
    metrics = dict.fromkeys(metric for line in dense for scores in line.other_scores for metric in scores)

    def of(lines: Sequence[ValidationRequestLine], metric: str) -> ByRequest:
        return [[scores.get(metric) for scores in line.other_scores] for line in lines]

    return [
        OtherScores(
            metric=metric,
            **dict(judge.scores(of(dense, metric), None if sparse is None else of(sparse, metric))),
        )
        for metric in metrics
    ]


def strata(
    judge: Judge,
    requests: Sequence[PreparedRequest],
    dense: Sequence[ValidationRequestLine],
    sparse: Sequence[ValidationRequestLine] | None,
) -> list[StratumScores]:
    """Return the scores of each group's strata, sorted; a stratum without a question does not appear."""
    questions = [question for prepared in requests for question in prepared.request.questions]
    found = {pair for question in questions for pair in question.strata.items()}
    return [
        StratumScores(
            group=group,
            stratum=stratum,
            **dict(
                judge.scores(
                    _only(dense, requests, group, stratum),
                    None if sparse is None else _only(sparse, requests, group, stratum),
                )
            ),
        )
        for group, stratum in sorted(found)
    ]


def _only(
    lines: Sequence[ValidationRequestLine], requests: Sequence[PreparedRequest], group: str, stratum: str
) -> ByRequest:
    def belongs(prepared: PreparedRequest, index: int) -> bool:
        return prepared.request.questions[index].strata.get(group) == stratum

    return [
        [score for index, score in enumerate(line.scores) if belongs(prepared, index)]
        for line, prepared in zip(lines, requests, strict=True)
    ]


def _known(scores: ByRequest) -> list[list[float]]:
    """Return the scores that are known; requests without any are left out."""
    kept = ([score for score in of_request if score is not None] for of_request in scores)
    return [of_request for of_request in kept if of_request]
