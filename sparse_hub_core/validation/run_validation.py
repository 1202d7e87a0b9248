"""Evaluate a configuration, or dense attention, on the validation requests; goes on where it was cut off."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.evaluation import RequestReport
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import Latency, ValidationRequestLine
from sparse_hub_core.workers.calls import call_for_each, call_one
from sparse_hub_core.workers.pool import WorkerPool
from sparse_hub_core.workers.worker import Stage

LATENCY_TOKENS = 16


class ValidationFailedError(SparseHubError):
    """A validation could not finish; the requests it finished are kept."""


def run_validation(
    stage: Stage,
    configs: Sequence[MaskerConfig] | None,
    pool: WorkerPool,
    cell: CellDirectory,
    timeout: float,
    progress: Progress,
) -> list[ValidationRequestLine]:
    """Return a line per request, in the order of the stage; those in requests.jsonl are not run again.

    Raises:
        ValidationFailedError: A request failed, or the time limit was reached.
    """
    done = cell.read_requests()
    missing = [index for index, prepared in enumerate(stage.requests) if prepared.request.id not in done]
    progress.skip(len(stage.requests) - len(missing))
    failures: list[str] = []
    if missing:
        stage_ref, configs_ref = ray.put(stage), ray.put(configs)

        def call(worker: Any, index: int) -> Any:
            return worker.evaluate.remote(stage_ref, configs_ref, index)

        for index, outcome in call_for_each(pool, call, missing, time.monotonic() + timeout):
            request_id = stage.requests[index].request.id
            if outcome.report is None:
                failures.append(f"{outcome.status} in request {request_id!r}: {outcome.reason}")
                continue
            done[request_id] = _line(outcome.report)
            append_line(cell.requests, done[request_id])
            _log(cell.log, stage, index, outcome.report)
            progress.advance()
    if failures:
        raise ValidationFailedError(
            f"The validation finished {len(done)} of {len(stage.requests)} requests ({failures[0]}); they are kept, "
            "and the same command goes on with the others."
        )
    return [done[prepared.request.id] for prepared in stage.requests]


def measure_latency(stage: Stage, configs: Sequence[MaskerConfig], pool: WorkerPool, timeout: float) -> Latency | None:
    """Return the decode latency of sparse and dense attention on the first request, or None where time ran out."""
    short = ray.put(replace(stage, requests=stage.requests[:1], max_new_tokens=LATENCY_TOKENS))
    try:
        # Both on one worker: those of a cluster may differ.
        sparse, dense = call_one(pool, lambda worker: worker.latency.remote(short, list(configs), 0), timeout)
    except ray.exceptions.GetTimeoutError:
        return None
    except SparseHubError as error:
        raise ValidationFailedError(f"The latency could not be measured: {error}") from error
    tokens = len(stage.requests[0].prompts[0].prefix)
    return Latency(sparse_ms_per_token=sparse, dense_ms_per_token=dense, context_tokens=tokens)


def _line(report: RequestReport) -> ValidationRequestLine:
    return ValidationRequestLine(
        request_id=report.request_id,
        predictions=[question.prediction for question in report.questions],
        scores=[question.score for question in report.questions],
        other_scores=[dict(question.other_scores) for question in report.questions],
        num_tokens=[question.num_tokens for question in report.questions],
        truncated=report.truncated,
        seconds=report.seconds,
        error=report.error,
        error_p95=report.error_p95,
        error_by_layer=report.error_by_layer,
        density=report.density,
        io_density=report.io_density,
    )


def _log(path: Path, stage: Stage, index: int, report: RequestReport) -> None:
    """Append what was asked, said and expected to the detailed log."""
    logger = logging.Logger("sparse_hub.validation", logging.INFO)
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    prepared = stage.requests[index]
    prefix = len(prepared.prompts[0].prefix)
    measured = "dense" if report.error is None else f"error {report.error:.4f}, density {report.density:.4f}"
    logger.info("request %s: %d prefix tokens, %.2f s, %s", report.request_id, prefix, report.seconds, measured)
    for layer, error in report.error_by_layer.items():
        logger.info("  layer %d: mean error %.4f", layer, error)
    for said in report.questions:
        question = prepared.request.questions[said.question_index]
        logger.info("  question %d: %r", said.question_index, question.text.strip())
        score = "not known" if said.score is None else f"{said.score:.4g}"
        logger.info("    expected %r, said %r, score %s", list(question.references), said.prediction, score)
    handler.close()
