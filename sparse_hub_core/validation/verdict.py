"""The verdict on a configuration: its lines beside dense attention's, as validation.json and predictions.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from sparse_hub_core.results.schema import Latency, PredictionLine, ValidationFile, ValidationRequestLine
from sparse_hub_core.validation.statistics import clustered_mean, paired_difference, within_noise

if TYPE_CHECKING:
    from sparse_hub_core.evaluation import PreparedRequest
    from sparse_hub_core.registry import BenchmarkEntry


def verdict(
    identity: str,
    names: tuple[str, str, str],
    entry: BenchmarkEntry,
    dense: Sequence[ValidationRequestLine],
    sparse: Sequence[ValidationRequestLine] | None,
    density_search: float | None,
    latency: Latency | None,
    seed: int,
) -> ValidationFile:
    """Return the verdict on a cell (model, task, preset); without sparse lines it is dense attention's own."""
    low, high = entry.score_range
    dense_scores = [line.scores for line in dense]
    lines = dense if sparse is None else sparse
    difference = None
    if sparse is not None:
        difference = paired_difference([line.scores for line in sparse], dense_scores, low, high, seed)
    return ValidationFile(
        cell_identity=identity,
        model=names[0],
        task=names[1],
        preset=names[2],
        metric=entry.metric,
        higher_is_better=entry.higher_is_better,
        dense=clustered_mean(dense_scores, low, high, seed),
        sparse=None if sparse is None else clustered_mean([line.scores for line in sparse], low, high, seed),
        difference=difference,
        within_noise=None if difference is None else within_noise(difference),
        error_mean=_mean([line.error for line in lines]),
        error_p95=_mean([line.error_p95 for line in lines]),
        error_by_layer=_by_layer(lines),
        density_search=density_search,
        density_validation=_mean([line.density for line in lines]),
        io_density_validation=_mean([line.io_density for line in lines]),
        latency=latency,
        truncated_requests=sum(line.truncated for line in lines),
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
                    num_tokens=(of_sparse or of_dense).num_tokens[index],
                    truncated=of_dense.truncated,
                )
            )
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _by_layer(lines: Sequence[ValidationRequestLine]) -> dict[int, float]:
    layers = sorted({layer for line in lines for layer in line.error_by_layer})
    return {layer: fmean(line.error_by_layer[layer] for line in lines) for layer in layers}
