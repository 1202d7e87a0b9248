"""The run made by hand of tests/cli with what the page shows besides: trials of several rungs, answers, settings."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.html import write_report
from sparse_hub_core.results.files import append_line, append_lines, read_json, write_json
from sparse_hub_core.results.run_directory import CellDirectory, RunDirectory
from sparse_hub_core.results.schema import (
    CellSummary,
    PredictionLine,
    RunFile,
    SummaryFile,
    TrialLine,
    ValidationRequestLine,
)
from sparse_hub_core.spec import build_spec
from tests.cli.conftest import cells, run_folder

if TYPE_CHECKING:
    from tests.report.browser import Browser

__all__ = ["cells", "run_folder"]

REQUESTS, QUESTIONS = 20, 2


@pytest.fixture(scope="session")
def registry():
    return load_registry()


def predictions(lost: int = 0) -> list[PredictionLine]:
    """Answers to 40 questions, of which dense attention knows all but the last, and sparse attention ``lost`` fewer."""
    lines = []
    for number in range(REQUESTS * QUESTIONS):
        dense = number != REQUESTS * QUESTIONS - 1
        sparse = dense and number >= lost
        lines.append(
            PredictionLine(
                request_id=f"request-{number // QUESTIONS}",
                question_index=number % QUESTIONS,
                references=[f"reference {number}"],
                dense_prediction=f"dense answer {number}",
                sparse_prediction=f"sparse answer {number}",
                dense_score=100.0 * dense,
                sparse_score=100.0 * sparse,
                num_tokens=4,
                truncated=False,
            )
        )
    return lines


def trials(num: int = 30) -> list[TrialLine]:
    """Trials of all rungs and ends, in which ``window`` decides and ``useless`` does not."""
    draw = random.Random(0)
    lines = []
    for _ in range(num):
        parameters = {"window": draw.choice([16, 64, 256]), "useless": draw.choice(["a", "b"]), "rate": draw.random()}
        lines.append(trial(parameters, "F0", error=100.0 / (100 + parameters["window"]) + 0.01 * draw.random()))
    lines += [trial(line.parameters, rung, line.error) for rung in ("F1", "F2", "F3") for line in lines[:4]]
    lines.append(lines[-1].model_copy(update={"status": "pruned", "parameters": {"window": 32}}))
    for status in ("infeasible", "timeout", "oom"):
        lines.append(TrialLine(parameters={"window": 8}, status=status, reason=f"a reason to be {status}"))
    return lines


def trial(parameters, fidelity, error, density=0.04):
    return TrialLine(
        parameters=parameters,
        status="ok",
        objective=error + 0.1 * density,
        error=error,
        density=density,
        fidelity=fidelity,
        requests_finished=3,
        started=1.0,
        seconds=0.5,
    )


@pytest.fixture
def full_folder(run_folder: Path, cells: list[CellSummary]) -> Path:
    run = RunDirectory(run_folder)
    for summary in cells:
        folder = run.cell(*summary.place)
        if summary.validation is not None:
            lost = {"dense": 0, "sink_local_oracle_top_k": 1, "local_sink": 25}[summary.preset]
            append_lines(folder.predictions, predictions(lost))
            append_lines(folder.requests, validated())
        if summary.best is not None:
            append_lines(folder.trials, trials())
    spec = build_spec({"models": ("demo",), "benchmarks": ("ruler/niah_multikey_2",), "max_density": 0.03})
    run_file = read_json(run_folder / "run.json", RunFile)
    write_json(run_folder / "run.json", run_file.model_copy(update={"spec": spec.model_dump(mode="json")}))
    return run_folder


def validated() -> list[ValidationRequestLine]:
    return [
        ValidationRequestLine(
            request_id=f"request-{number}",
            predictions=["", ""],
            scores=[100.0, 100.0],
            num_tokens=[4, 4],
            truncated=False,
            seconds=0.1,
            error=0.0123 + 0.001 * (number % 3),
        )
        for number in range(REQUESTS)
    ]


@pytest.fixture
def report(registry) -> Callable[[Path], Path]:
    """Writes the page of a folder as it stands."""
    return lambda folder: write_report(folder, read_json(folder / "summary.json", SummaryFile), registry)


@pytest.fixture
def cut_off() -> Callable[[CellDirectory], None]:
    """Leaves the last line of a search's trials half written."""

    def cut(folder: CellDirectory) -> None:
        append_line(folder.trials, TrialLine(parameters={"window": 1}, status="ok", objective=1.0))
        folder.trials.write_bytes(folder.trials.read_bytes()[:-20])

    return cut


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from tests.report.browser import Browser

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        sentence = "The page is not opened: install Debian's chromium and chromium-driver."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with Browser.open(chromium, driver) as opened:
        yield opened
