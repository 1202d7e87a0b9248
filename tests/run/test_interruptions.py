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

from .conftest import SMALL, command, finish

pytestmark = pytest.mark.slow

ARGUMENTS = (*SMALL, "--preset", "local_sink")


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*ARGUMENTS, *more),
        cwd=folder,
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


def test_kill_9_in_search_and_in_validation(tmp_path: Path) -> None:
    process = start(tmp_path)
    trials = wait_for(tmp_path, "run-*/*/*/local_sink/trial_requests.jsonl", 4, process)
    process.kill()
    process.communicate()
    before = read(trials)

    process = start(tmp_path)
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
    asked = Counter((json.dumps(line["parameters"], sort_keys=True), line["request_index"]) for line in searched)
    assert set(asked.values()) == {1}
    assert len({line["request_id"] for line in read(requests)}) == len(read(requests)) == 6
    entered = [line for line in ended.lines("local_sink", "trials.jsonl") if line["status"] != "infeasible"]
    assert len(entered) == 4


def test_ctrl_c_keeps_the_state_and_a_second_run_is_refused(tmp_path: Path) -> None:
    long = ("--preset", "sink_local_magic_pig", "--num-samples", "300", "--search-max-requests", "10")
    process = start(tmp_path, *long)
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
    run = json.loads(next((tmp_path / "runs").glob("run-*/run.json")).read_text())
    assert run["status"] == "interrupted"
    assert len(read(trials)) >= 2
