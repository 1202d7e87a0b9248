"""What the TensorBoard plugin, which is installed here, wrote of the real run that many tests look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sparse_hub_core.cli.main import main

from ..conftest import SMALL, Finished

pytestmark = pytest.mark.slow

PRESETS = ("local_sink", "sink_local_magic_pig")


def events_of(run: Path) -> Path:
    return run / "tensorboard"


def rows(finished: Finished, preset: str) -> set[str]:
    (folder,) = events_of(finished.run).glob(f"*/*/{preset}")
    return {path.parent.name for path in folder.glob("trials/*/*tfevents*")}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_trial_was_told(finished_run: Finished, preset: str) -> None:
    trials = finished_run.lines(preset, "trials.jsonl")
    told = {f"{index:04d}-{line['fidelity']}" for index, line in enumerate(trials, 1)}
    assert rows(finished_run, preset) == told | {"validation"}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_measured_trial_is_a_point_of_its_rung(finished_run: Finished, preset: str) -> None:
    (path,) = events_of(finished_run.run).glob(f"*/*/{preset}/*tfevents*")
    content = path.read_bytes()
    measured = [
        line["fidelity"] for line in finished_run.lines(preset, "trials.jsonl") if line["objective"] is not None
    ]
    for fidelity in ("F0", "F1", "F2", "F3"):
        assert content.count(f"{fidelity}/objective".encode()) == measured.count(fidelity) > 0


def test_every_validation_was_told_and_nothing_failed(finished_run: Finished) -> None:
    written = {path.parent.parent.name for path in events_of(finished_run.run).glob("*/*/*/validation/*tfevents*")}
    assert written == {"dense", *PRESETS}
    assert "failed in" not in finished_run.process.stdout + finished_run.process.stderr


def test_the_same_command_writes_what_is_missing_and_nothing_twice(
    finished_run: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(finished_run.folder / "runs", tmp_path / "runs")
    again = Finished(finished_run.process, tmp_path)
    folder = next(events_of(again.run).glob("*/*/local_sink"))
    before = {path: path.read_bytes() for path in events_of(again.run).rglob("*tfevents*")}
    shutil.rmtree(folder)
    monkeypatch.chdir(tmp_path)
    assert main(SMALL) == 0
    after = {path: path.read_bytes() for path in events_of(again.run).rglob("*tfevents*")}
    assert after.keys() == before.keys()
    # The curves come back to the byte; hyperparameters are in any order, and a validation is dated when it is written.
    kept = [path for path in before if path.parent == folder or folder not in path.parents]
    assert [path for path in kept if after[path] != before[path]] == []
