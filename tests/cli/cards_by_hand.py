"""Runs with validated winners, and cards of them, made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sparse_hub_core.results.card import Card
from sparse_hub_core.results.files import append_line, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import (
    Best,
    CellFile,
    CellSummary,
    Interval,
    MaskerRecord,
    PredictionLine,
    RunFile,
    SummaryFile,
    ValidationFile,
)

TASK, NUM = "ruler/niah_multikey_2", 20
SETTINGS = {"timeout": 60.0, "max_new_tokens": 8, "max_context_length": 1024, "max_requests": NUM}
MASKERS = [
    MaskerRecord(masker="local", parameters={"window_size": 64}),
    MaskerRecord(masker="sink", parameters={"sink_size": 4}),
]
DENSE = [100.0] * NUM
SPARSE = [0.0 if index % 4 == 0 else 100.0 for index in range(NUM)]


def best(preset: str = "local_sink", **changes: Any) -> Best:
    return Best(
        **{
            **{
                "cell_identity": "0" * 64,
                "model": "demo",
                "model_source": "demo",
                "model_revision": None,
                "task": TASK,
                "preset": preset,
            },
            **{"maskers": MASKERS, "parameters": {"local_window_size": 64, "sink_sink_size": 4}},
            **{"objective_name": "default", "objective": 0.3, "error": 0.2, "density": 0.1, "io_density": 0.1},
            **{"search_settings": SETTINGS, "validation_settings": SETTINGS, "seed": 0},
            **{"device": "cpu", "dtype": "float32", "versions": {"torch": "2.13"}},
            **changes,
        }
    )


def interval(scores: Sequence[float]) -> Interval:
    mean = sum(scores) / len(scores)
    return Interval(mean=mean, low=mean - 5, high=mean + 5, n=len(scores), clusters=len(scores))


def write_run(folder: Path, *winners: Best, p_values: Sequence[float] = ()) -> Path:
    """A run's folder with a validated cell for each winner, each with its p-value if there are any."""
    run = RunDirectory(folder / "run-0123456789")
    rows = [CellSummary(model="demo", task=TASK, preset="dense", status="done")]
    for winner, p_value in zip_longest(winners, p_values):
        cell = run.cell(winner.model, winner.task, winner.preset)
        verdict = ValidationFile(
            cell_identity="0" * 64,
            model=winner.model,
            task=TASK,
            preset=winner.preset,
            metric="string_match_all",
            higher_is_better=True,
            dense=interval(DENSE),
            sparse=interval(SPARSE),
            difference=interval([s - d for s, d in zip(SPARSE, DENSE, strict=True)]),
            within_noise=False,
            p_value=p_value,
            error_mean=0.2,
            error_p95=0.4,
            error_by_layer={0: 0.1, 1: 0.3},
            density_search=0.1,
            density_validation=0.08,
            io_density_validation=0.09,
            latency=None,
            num_requests=NUM,
            truncated_requests=0,
            seconds=1.0,
        )
        content = {
            **{"model": "f" * 16, "benchmark_version": "1", "validation": SETTINGS, "seed": 0, "device": "cpu"},
            **{"dtype": "float32", "code": {"core": "c0", "benchmark": "b0"}, "stack": [["local", {}, "l0"]]},
            **{"versions": {"transformers": "5.1", "sparse-hub": "0.0.1"}},
        }
        write_json(cell.path / "cell.json", CellFile(identity="0" * 64, content=content))
        write_json(cell.target(winner.target).best, winner)
        write_json(cell.target(winner.target).validation, verdict)
        for index in range(NUM):
            line = PredictionLine(
                request_id=f"r{index}",
                question_index=0,
                references=["a secret reference"],
                dense_prediction=f"dense {index}",
                sparse_prediction=f"sparse {index}",
                dense_score=DENSE[index],
                sparse_score=SPARSE[index],
                num_tokens=4,
                truncated=False,
            )
            append_line(cell.target(winner.target).predictions, line)
        rows.append(
            CellSummary(
                model=winner.model,
                task=TASK,
                preset=winner.preset,
                target=winner.target,
                status="done",
                best=winner,
                validation=verdict,
            )
        )
    write_json(run.path / "summary.json", SummaryFile(run_id=run.path.name, cells=rows))
    hardware = {"device": "cpu", "cpu_cores": 2, "machine": "x86_64", "system": "Linux"}
    write_json(
        run.path / "run.json",
        RunFile(
            spec={"output_dir": "/home/someone"},
            seed=0,
            versions={"torch": "2.13", "transformers": "5.2"},
            hardware=hardware,
            status="done",
        ),
    )
    return run.path


def changed(card: Card, where: str, value: Any) -> Card:
    content = card.model_dump(mode="json")
    place: Any = content
    *parts, last = where.split(".")
    for part in parts:
        place = place[int(part)] if part.isdigit() else place[part]
    place[int(last) if last.isdigit() else last] = value
    return Card.model_validate_json(json.dumps(content))


def rescored(card: Card, scores: Sequence[float], digest: str | None = None) -> Card:
    """A card with other sparse scores, whose means fit; answers differ where scores do."""
    content = card.model_dump(mode="json")
    for question, score in zip(content["questions"], scores, strict=True):
        if digest is not None and question["sparse_score"] != score:
            question["sparse_sha256"] = digest
        question["sparse_score"] = score
    content["results"]["sparse"] = interval(scores).model_dump()
    content["results"]["difference"] = interval([s - d for s, d in zip(scores, DENSE, strict=True)]).model_dump()
    return Card.model_validate_json(json.dumps(content))
