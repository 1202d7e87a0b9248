from __future__ import annotations

import csv
import fcntl
import io
import json
import os
from pathlib import Path

import pytest
from runs_by_hand import judged, make_run, questions

from sparse_hub_core.cli.main import main
from sparse_hub_core.report.overview import overview
from sparse_hub_core.report.runs_table import for_people, runs_table
from sparse_hub_core.results.files import read_json, write_json
from sparse_hub_core.results.schema import CellSummary, RunFile, SummaryFile

SCORES = questions([100.0] * 10)


@pytest.fixture
def runs(capsys):
    """Runs the command and returns its exit code and what it said."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["runs", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def listed(runs, folder: Path) -> list[dict]:
    code, out, err = runs(folder, "--format", "json")
    assert (code, err) == (0, "")
    return json.loads(out)


def age(path: Path, seconds: float) -> None:
    for file in path.rglob("*"):
        os.utime(file, (seconds, seconds))


def test_the_run_that_changed_last_comes_first_and_other_folders_are_left_out(runs, tmp_path):
    for number, name in enumerate(("run-old", "run-new")):
        age(make_run(tmp_path / name, {"local_sink": SCORES}), 1_700_000_000 + 86400 * number)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("")
    found = listed(runs, tmp_path)
    assert [one["run"] for one in found] == ["run-new", "run-old"]
    assert found[1]["started"] == "2001-09-09T01:46:40+00:00"
    assert found[1]["changed"] == "2023-11-14T22:13:20+00:00"
    _, said, _ = runs(tmp_path)
    assert [line.split()[0] for line in said.splitlines()] == ["run", "run-new", "run-old"]


def test_a_run_tells_its_cells_and_its_best_difference(runs, tmp_path):
    presets = {"local_sink": questions([0.0] * 10), "magic:density-5": questions([40.0] * 10)}
    run = make_run(tmp_path / "run-a", presets)
    summary = read_json(run / "summary.json", SummaryFile)
    more = [CellSummary(model="demo", task="ruler/vt", preset="magic", status="waiting")]
    more += [CellSummary(model="demo", task="ruler/vt", preset="dense", status="failed", reason="No data.")]
    write_json(run / "summary.json", summary.model_copy(update={"cells": [*summary.cells, *more]}))
    (found,) = listed(runs, tmp_path)
    assert (found["cells"], found["cells_done"], found["cells_failed"]) == (5, 3, 1)
    assert (found["models"], found["presets"]) == (["demo"], ["local_sink", "magic"])
    assert (found["best_preset"], found["best_difference"]) == ("magic, density <= 5%", -10.0)
    assert "3/5, 1 failed" in runs(tmp_path)[1]


def test_what_loses_least_is_best_whatever_the_direction_and_the_scale(runs, tmp_path):
    run = make_run(tmp_path / "run-a", {"local_sink": questions([40.0] * 10), "magic": questions([90.0] * 10)})
    summary = read_json(run / "summary.json", SummaryFile)
    falling = [
        cell.model_copy(update={"validation": cell.validation.model_copy(update={"higher_is_better": False})})
        for cell in summary.cells
    ]
    small = judged("tiny", 49.9, task="other/task").model_copy(update={"score_range": (0.0, 1.0)})
    falling.append(CellSummary(model="demo", task="other/task", preset="tiny", status="done", validation=small))
    write_json(run / "summary.json", summary.model_copy(update={"cells": falling}))
    (found,) = listed(runs, tmp_path)
    assert found["best_preset"] == "local_sink"


def test_a_run_is_running_only_while_its_lock_is_held(runs, tmp_path):
    run = make_run(tmp_path / "run-a", {"local_sink": SCORES})
    write_json(run / "run.json", read_json(run / "run.json", RunFile).model_copy(update={"status": "running"}))
    (run / ".lock").write_text("123")
    assert [one["status"] for one in listed(runs, tmp_path)] == ["interrupted"]
    with (run / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert [one["status"] for one in listed(runs, tmp_path)] == ["running"]


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
def test_a_damaged_run_is_named_and_the_others_are_listed(runs, tmp_path, name):
    make_run(tmp_path / "run-good", {"local_sink": SCORES})
    broken = make_run(tmp_path / "run-bad", {"local_sink": SCORES})
    (broken / name).write_text('{"schema_version": 1')
    code, out, err = runs(tmp_path)
    assert code == 0
    assert "run-good" in out
    assert "run-bad" not in out
    assert f"Note: run-bad is left out: {broken / name} is damaged" in err


def test_a_run_that_was_killed_before_its_first_cell_is_listed(runs, tmp_path):
    run = make_run(tmp_path / "run-a", {"local_sink": SCORES})
    (run / "summary.json").unlink()
    (found,) = listed(runs, tmp_path)
    assert (found["cells"], found["best_difference"]) == (0, None)


def test_a_folder_of_damaged_runs_alone_is_not_said_to_have_none(runs, tmp_path):
    (tmp_path / "run-bad").mkdir()
    (tmp_path / "run-bad" / "run.json").write_text("{")
    code, out, err = runs(tmp_path)
    assert (code, out) == (0, "")
    assert err.startswith("Note: run-bad is left out")
    assert "There are no runs" not in err


def test_the_folder_may_be_named_as_run_names_it(runs, tmp_path):
    make_run(tmp_path / "run-a", {"local_sink": SCORES})
    assert runs("--output-dir", tmp_path) == runs(tmp_path)
    code, _, err = runs(tmp_path, "--output-dir", tmp_path)
    assert code == 2
    assert "give one of them" in err


def test_no_runs_are_no_failure(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = runs()
    assert (code, out) == (0, "")
    assert "There are no runs in runs; sparse-hub run --debug makes a small one." in err
    assert runs("--format", "json")[1] == "[]\n"
    assert runs("--format", "csv")[1].startswith("run,status,started,changed,")
    code, _, err = runs("nowhere")
    assert code == 2
    assert "nowhere is no folder" in err


def test_lists_of_names_are_cut_for_people_and_whole_for_programs(runs, tmp_path):
    make_run(tmp_path / "run-a", {f"preset_{number}": SCORES for number in range(5)})
    assert "preset_0, preset_1 and 3 more" in runs(tmp_path)[1]
    (row,) = csv.DictReader(io.StringIO(runs(tmp_path, "--format", "csv")[1]))
    assert row["presets"] == "preset_0; preset_1; preset_2; preset_3; preset_4"
    assert float(row["best_difference"]) == 50.0
    page = runs(tmp_path, "--format", "md")[1].splitlines()
    assert page[1] == "| " + " | ".join(["---"] * 9) + " |"


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (None, []),
        (300, []),
        (130, ["models"]),
        (120, ["models", "started"]),
        (80, ["models", "started", "presets", "tasks"]),
        (20, ["models", "started", "presets", "tasks"]),
    ],
)
def test_a_narrow_terminal_goes_without_some_columns_and_says_which(tmp_path, width, left_out):
    run = make_run(tmp_path / "run-e42ec6a140", {"local_sink": SCORES, "sink_local_magic_pig": SCORES})
    shown, found = for_people(runs_table([overview(run)]), width)
    assert found == left_out
    assert not set(left_out) & set(shown.headings)
    assert {"run", "status", "cells done"} <= set(shown.headings)
