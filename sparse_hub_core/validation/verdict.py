"""The verdict on a configuration: its lines beside dense attention's, as validation.json and predictions.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from sparse_hub_core.results.schema import Latency, PredictionLine, ValidationFile, ValidationRequestLine
from sparse_hub_core.validation.scores import Judge, other_scores, strata
from sparse_hub_core.validation.statistics import within_noise

if TYPE_CHECKING:
    from sparse_hub_core.evaluation import PreparedRequest
    from sparse_hub_core.registry import Subset
    from sparse_hub_core.workers.worker import Stage


@dataclass(frozen=True)
class Place:
    """The cell that a verdict is on, and what its requests were made of."""

    identity: str
    model: str
    task: str
    data: str
    preset: str


def verdict(
    place: Place,
    subset: Subset,
    stage: Stage,
    dense: Sequence[ValidationRequestLine],
    sparse: Sequence[ValidationRequestLine] | None,
    density_search: float | None,
    latency: Latency | None,
    seed: int,
) -> ValidationFile:
    """Return the verdict on a cell; without sparse lines it is dense attention's own."""
    judge = Judge(subset.score_range, seed)
    lines = dense if sparse is None else sparse
    pairs = zip(lines, stage.requests, strict=True)
    of_dense, of_sparse = ([line.scores for line in side] for side in (dense, sparse or ()))
    scores = judge.scores(of_dense, None if sparse is None else of_sparse)
    tested = judge.tested(of_dense, of_sparse) if scores.difference is not None else None
    return ValidationFile(
        cell_identity=place.identity,
        model=place.model,
        task=place.task,
        data=place.data,
        preset=place.preset,
        metric=subset.metric,
        higher_is_better=subset.higher_is_better,
        dense=scores.dense,
        sparse=scores.sparse,
        difference=scores.difference,
        within_noise=None if scores.difference is None else within_noise(scores.difference),
        score_range=subset.score_range,
        p_value=tested and tested.p_value,
        test=tested and tested.test,
        only_dense_right=tested and tested.only_second,
        only_sparse_right=tested and tested.only_first,
        other_scores=other_scores(judge, dense, sparse),
        strata=strata(judge, stage.requests, dense, sparse),
        error_mean=_mean([line.error for line in lines]),
        error_p95=_mean([line.error_p95 for line in lines]),
        error_by_layer=_by_layer(lines),
        density_search=density_search,
        density_validation=_mean([line.density for line in lines]),
        io_density_validation=_mean([line.io_density for line in lines]),
        latency=latency,
        num_requests=len(lines),
        truncated_requests=sum(line.truncated for line in lines),
        limited_answers=sum(_limited(line, prepared, stage.max_new_tokens) for line, prepared in pairs),
        seconds=sum(line.seconds for line in lines),
    )


def prediction_lines(
    requests: Sequence[PreparedRequest],
    dense: Sequence[ValidationRequestLine],
    sparse: Sequence[ValidationRequestLine] | None,
) -> list[PredictionLine]:
    """Return one line per question."""
    found = []
    for place, prepared in enumerate(requests):
        of_dense, of_sparse = dense[place], None if sparse is None else sparse[place]
        for index, question in enumerate(prepared.request.questions):
            found.append(
                PredictionLine(
                    request_id=prepared.request.id,
                    question_index=index,
                    references=list(question.references),
                    dense_prediction=of_dense.predictions[index],
                    sparse_prediction=None if of_sparse is None else of_sparse.predictions[index],
                    dense_score=of_dense.scores[index],
                    sparse_score=None if of_sparse is None else of_sparse.scores[index],
                    dense_other_scores=of_dense.other_scores[index],
                    sparse_other_scores=of_sparse.other_scores[index] if of_sparse else {},
                    num_tokens=(of_sparse or of_dense).num_tokens[index],
                    truncated=of_dense.truncated,
                )
            )
    return found


def _limited(line: ValidationRequestLine, prepared: PreparedRequest, limit: int) -> int:
    """Count the answers that ran to a limit below their question's own."""
    pairs = zip(line.num_tokens, prepared.request.questions, strict=True)
    return sum(count == limit < question.max_new_tokens for count, question in pairs)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _by_layer(lines: Sequence[ValidationRequestLine]) -> dict[int, float]:
    layers = sorted({layer for line in lines for layer in line.error_by_layer})
    return {layer: fmean(line.error_by_layer[layer] for line in lines) for layer in layers}
