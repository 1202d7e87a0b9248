"""summary.json while a run goes on, and after it."""

from __future__ import annotations

import pytest

from sparse_hub_core.errors import UsageError
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import CellSummary, TrialLine
from sparse_hub_core.results.summary import SummaryWriter, load_summary


def row(preset, status="waiting", task="ruler/vt", target=""):
    return CellSummary(model="demo", task=task, preset=preset, status=status, target=target)


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run-0")


def shown(run):
    return [(cell.task, cell.preset, cell.target, cell.status) for cell in load_summary(run.path).cells]


def test_rows_change_in_their_place_and_winners_replace_their_cell(run):
    writer = SummaryWriter(run)
    for preset in ("dense", "a", "b"):
        writer.cell([row(preset)])
    writer.cell([row("a", "running")])
    assert [status for *_, status in shown(run)] == ["waiting", "running", "waiting"]
    writer.cell([row("a", "done", target="density-5"), row("a", "failed", target="density-10")])
    told = [("dense", "", "waiting"), ("a", "density-5", "done"), ("a", "density-10", "failed"), ("b", "", "waiting")]
    assert [place[1:] for place in shown(run)] == told


def test_what_is_done_stands_until_it_ends_again(run):
    SummaryWriter(run).cell([row("a", "done")])
    later = SummaryWriter(run)
    later.cell([row("a", "waiting")])
    later.cell([row("a", "running")])
    assert shown(run) == [("ruler/vt", "a", "", "done")]
    later.cell([row("a", "failed")])
    assert shown(run) == [("ruler/vt", "a", "", "failed")]


def test_what_was_searched_stands_until_it_runs(run):
    """A run that is interrupted before it comes to a cell leaves its winner in the summary."""
    SummaryWriter(run).cell([row("a", "searched", target=name) for name in ("density-5", "density-10")])
    later = SummaryWriter(run)
    later.cell([row("a")])
    told = [("ruler/vt", "a", name, "searched") for name in ("density-5", "density-10")]
    assert shown(run) == told
    later.cell([row("a", "running")])
    assert shown(run) == [("ruler/vt", "a", "", "running")]


def test_rows_of_a_task_stand_together_with_dense_first(run):
    SummaryWriter(run).cell([row("a", "searched")])
    later = SummaryWriter(run)
    for task in ("ruler/cwe", "ruler/vt"):
        for preset in ("dense", "b"):
            later.cell([row(preset, task=task)])
    assert [place[:2] for place in shown(run)] == [
        *(("ruler/vt", preset) for preset in ("dense", "a", "b")),
        *(("ruler/cwe", preset) for preset in ("dense", "b")),
    ]


def test_a_running_cell_is_read_with_the_trials_that_ended_so_far(run):
    SummaryWriter(run).cell([row("a", "running")])
    trials = run.cell("demo", "ruler/vt", "a").trials
    for size, status, fidelity in ((4, "ok", "F0"), (4, "ok", "F1"), (8, "pruned", "F0")):
        append_line(trials, TrialLine(parameters={"size": size}, status=status, fidelity=fidelity))
    (cell,) = load_summary(run.path).cells
    assert cell.trials == {"ok": 1, "pruned": 1}
    assert cell.fidelities == {"F0": 2, "F1": 1}


def test_a_run_is_running_while_its_lock_is_held(run):
    assert not run.is_running()
    with run.locked():
        assert run.is_running()
    assert not run.is_running()


def test_a_folder_without_a_run_says_what_to_name(tmp_path):
    with pytest.raises(UsageError, match=r"holds no summary\.json; name the folder of a run"):
        load_summary(tmp_path)
