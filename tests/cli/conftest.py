"""A run directory made by hand: a baseline, a cell within noise, a worse one, a failed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_hub_core.results.files import append_line, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import (
    Best,
    CellSummary,
    Interval,
    Latency,
    MaskerRecord,
    RunFile,
    SummaryFile,
    TrialLine,
    ValidationFile,
)

TASK = "ruler/niah_multikey_2"
DENSE = Interval(mean=95.0, low=85.0, high=100.0, n=40, clusters=20)
LATENCY = Latency(sparse_ms_per_token=5.0, dense_ms_per_token=9.0, context_tokens=2048)
LOCAL_SINK = [
    MaskerRecord(masker="local", parameters={"window_size": 64}),
    MaskerRecord(masker="sink", parameters={"sink_size": 4}),
]
TOP_K = [*reversed(LOCAL_SINK), MaskerRecord(masker="oracle_top_k", parameters={"heavy_size": 0.05})]


def best(preset, maskers):
    return Best(
        cell_identity="0" * 64,
        model="demo",
        model_source="demo",
        model_revision=None,
        task=TASK,
        preset=preset,
        maskers=maskers,
        parameters={},
        objective_name="default",
        objective=0.123,
        error=0.1,
        density=0.04,
        search_settings={},
        validation_settings={},
        seed=0,
        device="cpu",
        dtype="float32",
        versions={},
    )


def judged(preset, difference=None, layers=None, **changes):
    sparse = None
    if difference is not None:
        sparse = DENSE.model_copy(update={"mean": DENSE.mean + difference.mean})
    return ValidationFile(
        cell_identity="0" * 64,
        model="demo",
        task=TASK,
        preset=preset,
        metric="string_match_all",
        higher_is_better=changes.get("higher_is_better", True),
        dense=DENSE,
        sparse=sparse,
        difference=difference,
        within_noise=None if difference is None else difference.low <= 0 <= difference.high,
        error_mean=None if sparse is None else 0.0123,
        error_p95=None if sparse is None else 0.0456,
        error_by_layer=layers or {},
        density_search=None if sparse is None else 0.04,
        density_validation=None if sparse is None else 0.03,
        io_density_validation=None if sparse is None else 0.43,
        latency=None
        if sparse is None
        else Latency(sparse_ms_per_token=5.0, dense_ms_per_token=9.0, context_tokens=2048),
        truncated_requests=0,
        seconds=12.0,
    )


def interval(mean, low, high):
    return Interval(mean=mean, low=low, high=high, n=40, clusters=20)


def cell(preset, status="done", **more):
    return CellSummary(model="demo", task=TASK, preset=preset, status=status, **more)


@pytest.fixture
def cells():
    return [
        cell("dense", validation=judged("dense")),
        cell(
            "sink_local_oracle_top_k",
            trials={"ok": 8, "pruned": 2},
            best=best("sink_local_oracle_top_k", TOP_K),
            validation=judged("sink_local_oracle_top_k", interval(-1.25, -4.0, 1.5), {0: 0.01, 1: 0.02, 3: 0.005}),
        ),
        cell(
            "local_sink",
            trials={"ok": 10},
            best=best("local_sink", LOCAL_SINK),
            validation=judged("local_sink", interval(-60.0, -75.0, -45.0), {0: 0.5}),
        ),
        cell("broken", "failed", reason="No trial was ok: 10 ran out of <memory>.", trials={"oom": 10}),
    ]


@pytest.fixture
def run_folder(tmp_path: Path, cells) -> Path:
    folder = tmp_path / "runs" / "run-0123456789"
    run = RunDirectory(folder)
    write_json(folder / "summary.json", SummaryFile(run_id=run.run_id, cells=cells))
    write_json(
        folder / "run.json",
        RunFile(spec={}, seed=0, versions={"torch": "2.13"}, hardware={"cores": 2}, status="failed", seconds=61.0),
    )
    for summary in cells:
        directory = run.cell(summary.model, summary.task, summary.preset)
        if summary.best:
            write_json(directory.best, summary.best)
            append_line(directory.trials, TrialLine(parameters={"sink_sink_size": 4}, status="ok", objective=0.25))
            append_line(
                directory.trials, TrialLine(parameters={"sink_sink_size": 9}, status="error", reason="<script>alert(1)")
            )
    return folder
