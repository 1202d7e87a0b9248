from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from runs_by_hand import make_run, questions

from sparse_hub_core.cli.main import main
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.write_run import write_summary
from sparse_hub_core.results.files import append_line, read_json, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import CellSummary, RunFile, SummaryFile, TrialLine

SCORES = questions([100.0] * 10)


@pytest.fixture
def show(capsys):
    """Runs the command and returns its exit code and what it said."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["show", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """A run with a cell that is done, one that is running, and one that waits."""
    run = make_run(tmp_path / "runs" / "run-a", {"local_sink": SCORES})
    summary = read_json(run / "summary.json", SummaryFile)
    more = [
        CellSummary(model="demo", task="ruler/niah_multikey_2", preset=preset, status=status)
        for preset, status in (("magic", "running"), ("quest", "waiting"))
    ]
    write_json(run / "summary.json", summary.model_copy(update={"cells": [*summary.cells, *more]}))
    write_json(run / "run.json", read_json(run / "run.json", RunFile).model_copy(update={"status": "running"}))
    trials = RunDirectory(run).cell("demo", "ruler/niah_multikey_2", "magic").trials
    for number in range(7):
        append_line(trials, TrialLine(parameters={"k": number}, status="ok", fidelity="F0"))
    (run / ".lock").write_text("")
    return run


def rows(said: str) -> dict[str, list[str]]:
    """Return the words of the lines that begin with a preset, of all tables."""
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        if line.startswith(("dense", "local_sink", "magic", "quest")):
            found.setdefault(line.split()[0], []).extend(line.split()[1:])
    return found


def test_a_run_that_goes_on_says_which_cells_wait_and_which_run_with_their_trials(show, unfinished):
    with (unfinished / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, said, _ = show(unfinished)
    assert code == 0
    assert "Running: 2 of 4 cells done; last change " in said
    assert rows(said)["magic"][-2:] == ["7", "F0"]
    assert "running" in rows(said)["magic"]
    assert "waiting" in rows(said)["quest"]
    assert "cut off" not in said


def test_of_an_interrupted_run_what_was_running_was_cut_off(show, unfinished):
    _, said, _ = show(unfinished)
    assert "Interrupted: 2 of 4 cells done; the same command again goes on and repeats nothing." in said
    assert "cut off" in said
    assert rows(said)["magic"][-2:] == ["7", "F0"]


def test_what_columns_say_is_told_of_those_that_are_shown_only(show, tmp_path):
    _, said, _ = show(make_run(tmp_path / "run-a", {"local_sink": SCORES}))
    assert "difference [95% interval]: score minus dense score" in said
    assert "ms/token" not in said


def test_json_is_the_summary_and_csv_has_a_column_per_number(show, run_folder):
    _, out, _ = show(run_folder, "--format", "json")
    assert SummaryFile.model_validate_json(out) == read_json(run_folder / "summary.json", SummaryFile)
    found = list(csv.DictReader(io.StringIO(show(run_folder, "--format", "csv")[1])))
    assert [row["preset"] for row in found] == ["dense", "sink_local_oracle_top_k", "local_sink", "broken"]
    row = found[1]
    assert (row["score"], row["dense_score"], row["difference"]) == ("93.75", "95.0", "-1.25")
    assert (row["difference_low"], row["difference_high"], row["questions"], row["requests"]) == (
        "-4.0",
        "1.5",
        "40",
        "20",
    )
    assert (row["io_density"], row["configurations_pruned"], row["context_tokens"]) == ("0.43", "2", "2048")
    assert (found[3]["status"], found[3]["score"]) == ("failed", "")


def test_markdown_escapes_what_would_be_markup(show, tmp_path):
    run = make_run(tmp_path / "run-a", {"a|b<i>": SCORES}, model="m`x")
    code, page, _ = show(run, "--format", "md")
    assert code == 0
    assert "| a\\|b&lt;i> |" in page
    assert "with m\\`x" in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables[:4]} == {tables[0].count("|")}
    assert "```python\nfrom sparse_hub_core import SparseAttention\n" in page


@pytest.mark.parametrize("form", ["table", "md"])
def test_no_name_in_a_run_reaches_the_terminal_as_a_code(show, tmp_path, form):
    run = make_run(tmp_path / "run-a", {"a\x1b[2Jb": SCORES})
    code, out, err = show(run, "--format", form)
    assert (code, "\x1b" in out + err, "a [2Jb" in out) == (0, False, True)


def test_a_run_goes_by_its_folder_a_file_in_it_its_id_or_the_beginning_of_it(show, unfinished, monkeypatch):
    monkeypatch.chdir(unfinished.parent.parent)
    make_run(Path("runs/run-b"), {"local_sink": SCORES})
    for name in ("runs/run-a", "runs/run-a/summary.json", "runs/run-a/run.json", "run-a"):
        assert show(name)[1].startswith("Run run-a: ")
    make_run(Path("runs/other-1"), {"local_sink": SCORES})
    assert show("oth")[1].startswith("Run other-1: ")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("run", "Several runs in runs begin with 'run': run-a, run-b; write more of the id."),
        ("runs", "runs is no run, but holds run-a, run-b; name one of them, such as runs/run-a."),
        ("run-aa", "There is no run 'run-aa': did you mean 'run-a'"),
        ("empty", "empty holds no run: neither run.json nor summary.json is there."),
    ],
)
def test_a_wrong_name_gets_the_nearest(show, unfinished, monkeypatch, name, told):
    monkeypatch.chdir(unfinished.parent.parent)
    make_run(Path("runs/run-b"), {"local_sink": SCORES})
    Path("empty").mkdir()
    code, out, err = show(name)
    assert (code, out) == (2, "")
    assert told in err


def test_without_any_run_the_sentence_says_so(show, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "There is no run 'run-a', nor any other in runs; name a run's folder." in show("run-a")[2]


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_pipe_that_is_closed_early_gets_no_traceback(run_folder, form):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "sparse_hub_core.cli.main", "show", str(run_folder), "--format", form]
    process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writer)
    assert process.stderr == ""


SCRIPT = """
import json, sys
from sparse_hub_core.cli.main import main
code = main(sys.argv[2:])
heavy = set(json.loads(sys.argv[1])) & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else code)
"""
MODELS = ["torch", "ray", "transformers", "datasets", "plotly", "nevergrad", "optuna"]


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize(
    ("command", "heavy"), [("show", MODELS), ("runs", [*MODELS, "scipy", "numpy"]), ("compare", MODELS)]
)
def test_looking_at_runs_imports_nothing_heavy(tmp_path, command, heavy, form):
    run = make_run(tmp_path / "run-a", {"local_sink": SCORES, "magic": questions([0.0] * 10)})
    arguments = [command, str(run), "--format", form]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(heavy), *arguments], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr


def test_a_run_that_began_no_cell_is_said_to_hold_no_result_yet(show, tmp_path):
    run = make_run(tmp_path / "run-a", {"local_sink": SCORES})
    (run / "summary.json").unlink()
    code, _, err = show(run)
    assert code == 2
    assert f"{run} holds no result yet" in err


@pytest.mark.parametrize(("asked", "said"), [(300, True), (30, False), (None, False)])
def test_a_search_space_that_is_used_up_is_told(show, tmp_path, asked, said):
    run = make_run(tmp_path / "run-a", {"local_sink": SCORES})
    summary = read_json(run / "summary.json", SummaryFile)
    tried = {"trials": {"ok": 28, "error": 2, "infeasible": 5}, "num_samples": asked}
    cells = [summary.cells[0], summary.cells[1].model_copy(update=tried)]
    write_json(run / "summary.json", summary.model_copy(update={"cells": cells}))
    told = "All that there was to try was tried: 30 configurations of local_sink in ruler/niah_multikey_2 (300 were"
    assert (told in show(run)[1]) == said


def test_the_end_of_a_command_tells_of_earlier_winners_and_adjusts_over_all(show, tmp_path, capsys):
    worse = questions([100.0] * 7 + [0.0] * 3)
    run = make_run(tmp_path / "run-a", {"first": worse, "second": worse, "third": worse})
    folder = read_json(run / "summary.json", SummaryFile)
    command = folder.model_copy(update={"cells": [folder.cells[0], folder.cells[3]]})
    write_summary(command, folder, run, load_registry())
    ended, shown = capsys.readouterr().out, show(run)[1]
    assert "Earlier commands with the same other settings left first, second in this folder" in ended
    rows = [line for line in shown.splitlines() if line.startswith("third")]
    assert rows
    assert set(rows) <= set(ended.splitlines())
    assert ended.count("Best of ") == 1
    write_summary(folder, folder, run, load_registry())
    assert "Earlier commands" not in capsys.readouterr().out
