"""A run that is killed, interrupted or doubled loses nothing and repeats nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from .conftest import SMALL, Finished, command, finish, traces

pytestmark = pytest.mark.slow

ARGUMENTS = (*SMALL, "--preset", "local_sink")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=os.environ | traces(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts its background jobs with Ctrl-C ignored, and the tests may run in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(folder: Path, pattern: str, lines: int, process: subprocess.Popen[str]) -> Path:
    """Wait until a file of the run holds so many lines."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for path in (folder / "runs").glob(pattern):
            if path.read_bytes().count(b"\n") >= lines:
                return path
        assert process.poll() is None, process.communicate()
        os.sched_yield()
    raise AssertionError(f"{pattern} did not reach {lines} lines")


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def tried(line: dict) -> str:
    return json.dumps(line["parameters"], sort_keys=True)


def assert_nothing_ran_twice(ended: Finished) -> None:
    trials = ended.lines("local_sink", "trials.jsonl")
    requests = ended.lines("local_sink", "trial_requests.jsonl")
    asked = Counter((tried(line), line["fidelity"], line["request_index"]) for line in requests)
    assert set(asked.values()) == {1}
    assert set(Counter((tried(line), line["fidelity"]) for line in trials).values()) == {1}
    # Nothing is lost either: every request of every trial has its line.
    counts = Counter((tried(line), line["fidelity"]) for line in requests)
    assert all(line["requests_finished"] == counts[tried(line), line["fidelity"]] for line in trials)
    # And a plugin that hears of trials has each once, whatever process it ended in.
    (events,) = ended.run.glob("tensorboard/*/*/local_sink/*tfevents*")
    assert events.read_bytes().count(b"/objective") == sum(line["objective"] is not None for line in trials)


SEARCH = (
    *("search", "--model", "demo", "--benchmark", "ruler/niah_multikey_2", "--preset", "local_sink"),
    *("--max-concurrent", "1", "--search-max-new-tokens", "2", "--search-max-context-length", "512"),
)
ALONE = {
    "ladder": ("--num-samples", "14", "--search-max-requests", "2"),
    "pruned": (
        *("--fidelity", "F3", "--scheduler", "asha", "--search-algorithm", "hyperopt", "--num-samples", "6"),
        *("--search-max-requests", "6"),
    ),
}


KILLED_AFTER = {"ladder": (0.3, 0.8), "pruned": (0.5,)}
"""Shares of the requests."""


@pytest.mark.parametrize("kind", ALONE)
def test_an_interrupted_search_finds_what_an_uninterrupted_one_finds(kind: str, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = finish(tmp_path / "whole", *SEARCH, *ALONE[kind])
    assert whole.process.returncode == 0, whole.process.stderr
    requests = whole.lines("local_sink", "trial_requests.jsonl")

    for share in KILLED_AFTER[kind]:
        process = start(tmp_path / "parts", *SEARCH, *ALONE[kind])
        number = int(share * len(requests))
        wait_for(tmp_path / "parts", "run-*/*/*/local_sink/trial_requests.jsonl", number, process)
        process.kill()
        process.communicate()
    parts = finish(tmp_path / "parts", *SEARCH, *ALONE[kind])
    assert parts.process.returncode == 0, parts.process.stderr

    assert_nothing_ran_twice(parts)
    assert parts.json("local_sink", "best.json") == whole.json("local_sink", "best.json")
    assert parts.lines("local_sink", "trial_requests.jsonl") == requests
    mine, its = (
        [{name: line[name] for name in line.keys() - {"started", "seconds", "worker"}} for line in lines]
        for lines in (parts.lines("local_sink", "trials.jsonl"), whole.lines("local_sink", "trials.jsonl"))
    )
    assert mine == its
    assert {"F0", "F3"} <= {line["fidelity"] for line in its} or "pruned" in {line["status"] for line in its}


def test_kill_9_in_search_and_in_validation(tmp_path: Path) -> None:
    process = start(tmp_path, *ARGUMENTS)
    trials = wait_for(tmp_path, "run-*/*/*/local_sink/trial_requests.jsonl", 4, process)
    process.kill()
    process.communicate()
    before = read(trials)

    process = start(tmp_path, *ARGUMENTS)
    requests = wait_for(tmp_path, "run-*/*/*/local_sink/requests.jsonl", 2, process)
    process.kill()
    process.communicate()
    searched = read(trials)
    validated = read(requests)
    assert searched[: len(before)] == before

    ended = finish(tmp_path, *ARGUMENTS)
    assert ended.process.returncode == 0, ended.process.stderr
    assert read(trials) == searched
    assert read(requests)[: len(validated)] == validated
    assert_nothing_ran_twice(ended)
    assert len({line["request_id"] for line in read(requests)}) == len(read(requests)) == 6
    trials = [line for line in ended.lines("local_sink", "trials.jsonl") if line["status"] != "infeasible"]
    assert Counter(line["fidelity"] for line in trials) == {"F0": 4, "F1": 4, "F2": 4, "F3": 4}


def test_ctrl_c_keeps_the_state_and_a_second_run_is_refused(tmp_path: Path) -> None:
    long = ("--preset", "sink_local_magic_pig", "--num-samples", "300", "--search-max-requests", "10")
    process = start(tmp_path, *ARGUMENTS, *long)
    trials = wait_for(tmp_path, "run-*/*/*/*/trial_requests.jsonl", 2, process)

    second = finish(tmp_path, *ARGUMENTS, *long)
    assert second.process.returncode == 2
    assert f"process {process.pid}" in second.process.stderr

    # A terminal sends it to all processes of the group, Ray's among them.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "same command again" in errors
    assert "Traceback" not in errors
    (folder,) = (tmp_path / "runs").glob("run-*")
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    assert "This run was interrupted" in (folder / "report.html").read_text()
    assert len(read(trials)) >= 2
