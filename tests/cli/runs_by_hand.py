"""Runs made by hand: validated winners with given scores, and the files that a comparison reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sparse_hub_core.presets import DENSE
from sparse_hub_core.results.files import append_lines, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import (
    Best,
    CellFile,
    CellSummary,
    Interval,
    PredictionLine,
    RunFile,
    SummaryFile,
    ValidationFile,
)

TASK = "ruler/niah_multikey_2"
CONDITIONS = {
    "model": "0123456789abcdef",
    "task": TASK,
    "data": "generated",
    "seed": 0,
    "device": "cpu",
    "dtype": "float32",
    "validation": {"max_context_length": 1024, "max_new_tokens": 8, "max_requests": 32, "timeout": 300.0},
    "versions": {"sparse-hub": "0.1.0", "torch": "2.13.0"},
}
HARDWARE = {"device": "cpu", "cpu_cores": 2, "machine": "x86_64", "system": "Linux"}


def judged(preset: str, mean: float | None = None, model: str = "demo", task: str = TASK) -> ValidationFile:
    """Return a verdict whose intervals say nothing; a comparison makes its own of the predictions."""
    interval = Interval(mean=50.0, low=40.0, high=60.0, n=10, clusters=10)
    sparse = None if mean is None else interval.model_copy(update={"mean": mean})
    return ValidationFile(
        cell_identity="0" * 64,
        model=model,
        task=task,
        preset=preset,
        metric="string_match_all",
        higher_is_better=True,
        dense=interval,
        sparse=sparse,
        difference=None if sparse is None else interval.model_copy(update={"mean": mean - 50.0, "low": -60.0}),
        within_noise=None if sparse is None else False,
        score_range=(0.0, 100.0),
        error_mean=None,
        error_p95=None,
        error_by_layer={},
        density_search=None,
        density_validation=None if sparse is None else 0.1,
        io_density_validation=None if sparse is None else 0.2,
        latency=None,
        truncated_requests=0,
        seconds=1.0,
    )


def best(preset: str, target: str, model: str, task: str) -> Best:
    return Best(
        cell_identity="0" * 64,
        model=model,
        model_source=model,
        model_revision=None,
        task=task,
        preset=preset,
        maskers=[],
        parameters={},
        objective_name="default",
        objective=0.1,
        error=0.1,
        density=0.1,
        target=target,
        budget=target.replace("density-", "density at most ") + "%" if target else "",
        search_settings={},
        validation_settings={},
        seed=0,
        device="cpu",
        dtype="float32",
        versions={},
    )


def questions(scores: Sequence[float], first: int = 0) -> dict[str, float]:
    """Return scores by the id of their request."""
    return {f"request-{number:03}": score for number, score in enumerate(scores, start=first)}


def make_run(
    path: Path,
    presets: Mapping[str, Mapping[str, float]],
    *,
    dense: Mapping[str, float] | None = None,
    task: str = TASK,
    model: str = "demo",
    references: str = "answer",
    conditions: Mapping[str, object] = CONDITIONS,
    hardware: Mapping[str, object] = HARDWARE,
) -> Path:
    """Write a run whose presets scored so; "local_sink:density-5" is one of several winners."""
    run = RunDirectory(path)
    every = {name: 100.0 for scores in presets.values() for name in scores} | dict(dense or {})
    rows = [CellSummary(model=model, task=task, preset=DENSE, status="done", validation=judged(DENSE))]
    for name, scores in presets.items():
        preset, _, target = name.partition(":")
        mean = sum(scores.values()) / len(scores)
        rows.append(
            CellSummary(
                model=model,
                task=task,
                preset=preset,
                target=target,
                status="done",
                best=best(preset, target, model, task),
                validation=judged(preset, mean, model, task),
            )
        )
        lines = [
            PredictionLine(
                request_id=request,
                question_index=0,
                references=[f"{references} of {request}"],
                dense_prediction="",
                sparse_prediction="",
                dense_score=every[request],
                sparse_score=score,
                num_tokens=1,
                truncated=False,
            )
            for request, score in scores.items()
        ]
        append_lines(run.cell(model, task, preset).target(target).predictions, lines)
    dense_cell = run.cell(model, task, DENSE).path
    write_json(dense_cell / "cell.json", CellFile(identity="0" * 64, content=dict(conditions)))
    write_json(run.summary, SummaryFile(run_id=run.run_id, cells=rows))
    write_json(
        run.run_file,
        RunFile(spec={}, seed=0, versions={}, hardware=dict(hardware), status="done", started=1e9, seconds=1.0),
    )
    return path
