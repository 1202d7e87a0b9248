"""Maskers that fail at work: every cell ends with its reason, and the other cells go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SMALL, Finished, finish

pytestmark = pytest.mark.slow

FAULTS = {
    "raising": ("error", "ValueError: this masker cannot do anything"),
    "nan": ("error", "NaN"),
    "hanging": ("timeout", "limit of 3 s"),
    "dying": ("error", "the worker died"),
    "exhausting": ("oom", "no room"),
}


@pytest.fixture(scope="module")
def faulty_run(install: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    presets = [f"sink_local_{name}" for name in (*FAULTS, "never_feasible")]
    flags = [flag for preset in (*presets, "half_faulty_only", "local_sink") for flag in ("--preset", preset)]
    folder = tmp_path_factory.mktemp("faulty")
    arguments = (*SMALL, "--search-timeout", "3", "--num-samples", "2", "--scheduler", "none", *flags)
    return finish(folder, *arguments, PYTHONPATH=install("sparse-hub-faulty"))


@pytest.fixture(scope="module")
def faulty_generation(install: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same where requests are answered one by one by the model, as they are from F2 on."""
    flags = [flag for name in FAULTS for flag in ("--preset", f"sink_local_{name}")]
    arguments = ("search", *SMALL[1:-6], "--search-timeout", "3", "--num-samples", "1", "--fidelity", "F3", *flags)
    return finish(tmp_path_factory.mktemp("generation"), *arguments, PYTHONPATH=install("sparse-hub-faulty"))


@pytest.mark.parametrize("name", FAULTS)
def test_a_trial_that_generates_ends_the_same_way(faulty_generation: Finished, name: str) -> None:
    status, reason = FAULTS[name]
    trials = faulty_generation.lines(f"sink_local_{name}", "trials.jsonl")
    assert [(line["status"], line["fidelity"]) for line in trials if line["status"] != "infeasible"] == [(status, "F3")]
    assert all(reason in line["reason"] for line in trials if line["status"] == status)
    assert not (faulty_generation.cell(f"sink_local_{name}") / "best.json").exists()


@pytest.mark.parametrize("name", FAULTS)
def test_the_status_and_the_reason_of_a_trial(faulty_run: Finished, name: str) -> None:
    status, reason = FAULTS[name]
    trials = [line for line in faulty_run.lines(f"sink_local_{name}", "trials.jsonl") if line["status"] != "infeasible"]
    assert Counter(line["status"] for line in trials) == {status: 2}
    for line in trials:
        assert reason in line["reason"]
        assert line["objective"] is None
    assert not (faulty_run.cell(f"sink_local_{name}") / "best.json").exists()


def test_failed_cells_say_why_and_the_process_exits_with_1(faulty_run: Finished) -> None:
    assert faulty_run.process.returncode == 1
    assert "2 timeout" in faulty_run.process.stdout + faulty_run.process.stderr
    assert "Traceback" not in faulty_run.process.stderr


def test_a_space_without_a_feasible_point_says_so(faulty_run: Finished) -> None:
    assert "no feasible point" in faulty_run.process.stdout + faulty_run.process.stderr
    assert "nothing suits" in faulty_run.process.stdout + faulty_run.process.stderr


def test_the_other_cells_go_on(faulty_run: Finished) -> None:
    assert faulty_run.json("local_sink", "validation.json")["sparse"]["n"] == 6


def test_a_failed_trial_never_wins(faulty_run: Finished) -> None:
    trials = faulty_run.lines("half_faulty_only", "trials.jsonl")
    ended = {(line["fidelity"], line["parameters"]["half_faulty_which"]): line["status"] for line in trials}
    assert ended == {("F0", 0): "ok", ("F0", 1): "error", ("F1", 0): "ok", ("F2", 0): "ok", ("F3", 0): "ok"}
    assert faulty_run.json("half_faulty_only", "best.json")["parameters"]["half_faulty_which"] == 0


def test_a_hook_that_fails_is_told_of_once_and_stops_nothing(faulty_run: Finished) -> None:
    told = [line for line in faulty_run.process.stderr.splitlines() if "sparse-hub-faulty 0.1.0 failed in" in line]
    assert len(told) == 2
    # Dense attention is validated before anything is searched.
    assert "cell_finished, which is not called again in this run: SystemExit: enough of ruler/niah_multik" in told[0]
    assert "trial_finished, which is not called again in this run: ValueError: no trial is good enough" in told[1]


@pytest.mark.parametrize("part", ["search", "validation"])
def test_a_context_too_short_for_its_needle(part: str, tmp_path: Path) -> None:
    smaller = ("--num-samples", "1", "--max-concurrent", "1", "--preset", "local_sink")
    ended = finish(tmp_path, *SMALL, *smaller, f"--{part}-max-context-length", "64")
    assert ended.process.returncode == 1
    assert "niah_multikey_2" in ended.process.stderr + ended.process.stdout
    assert f"--{part}-max-context-length" in ended.process.stderr + ended.process.stdout


def test_third_party_masker_and_benchmark(install: Callable[..., str], tmp_path: Path) -> None:
    path = install("sparse-hub-strided", "sparse-hub-echo")
    arguments = ("--benchmark", "echo/repeat", "--preset", "sink_local_strided", "--search-algorithm", "random")
    ended = finish(tmp_path, *SMALL, *arguments, PYTHONPATH=path)
    assert ended.process.returncode == 0, ended.process.stderr
    assert ended.json("sink_local_strided", "validation.json")["task"] == "echo/repeat"
