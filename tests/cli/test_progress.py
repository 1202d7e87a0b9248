from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import TextColumn

from sparse_hub_core.cli.progress import LiveProgress, PlainProgress, clock, trial_sentence, watch
from sparse_hub_core.results.schema import TrialLine
from sparse_hub_core.search.budget import Budget

OK = TrialLine(parameters={}, status="ok", objective=0.25, error=0.2, density=0.05, fidelity="F1")
INFEASIBLE = TrialLine(parameters={}, status="infeasible", reason="the window covers everything")
FAILED = TrialLine(parameters={}, status="error", reason="[red] is no colour")


def tell(progress) -> None:
    progress.begin(10)
    progress.stage("search demo, ruler/vt, local_sink")
    progress.trial(INFEASIBLE, 0, 2)
    progress.trial(OK, 1, 2)
    progress.trial(FAILED, 2, 2)
    progress.expect(-2)
    for _ in range(8):
        progress.advance()
    progress.note("2 requests are fewer than 10.")
    progress.end()


def test_without_a_terminal_every_event_is_a_line(capsys):
    with watch() as progress:
        assert isinstance(progress, PlainProgress)
        tell(progress)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("] search demo, ruler/vt, local_sink")
    assert lines[1].endswith("]   not tried: the window covers everything")
    assert lines[2].endswith("]   F1 trial 1/2: ok, objective 0.25; error 0.2, density 5.0%")
    assert lines[3].endswith("]   F3 trial 2/2: error, [red] is no colour")
    assert lines[-2].endswith("100% done, about 0:00 left")
    assert lines[-1].endswith("Note: 2 requests are fewer than 10.")


def test_plain_progress_is_told_a_few_times_only(capsys):
    progress = PlainProgress()
    progress.begin(1000)
    for _ in range(1000):
        progress.advance()
    assert len(capsys.readouterr().err.splitlines()) == 10


def test_steps_that_are_found_out_later_do_not_let_it_go_back(capsys):
    progress = PlainProgress()
    progress.begin(10)
    progress.advance(5)
    progress.expect(10)
    for _ in range(15):
        progress.advance()
    said = [line.split("] ")[1].partition("%")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["50", "60", "70", "80", "90", "100"]


@pytest.mark.parametrize("done", [0, 46, 99, 130])
def test_what_was_expected_and_never_came_leaves_a_run_done(capsys, done):
    progress = PlainProgress()
    progress.begin(100)
    progress.advance(done)
    progress.end()
    assert ("100% done" in capsys.readouterr().err) == (done > 0)


def test_proposals_that_are_not_tried_for_one_reason_are_counted(capsys):
    progress = PlainProgress()
    for line in (INFEASIBLE, OK, INFEASIBLE, INFEASIBLE):
        progress.trial(line, 1, 2)
    progress.stage("F1")
    progress.trial(INFEASIBLE, 0, 2)
    progress.end()
    said = [line.split("]   ")[-1] for line in capsys.readouterr().err.splitlines() if "not tried" in line]
    once = "not tried: the window covers everything"
    assert said == [once, f"{once} (3 proposals in all)", once]


@pytest.mark.parametrize(
    ("budget", "is_over"),
    [
        (Budget(), False),
        (Budget(max_density=0.05), False),
        (Budget(max_density=0.04), True),
        (Budget(max_io_density=0.25), True),
        (Budget(max_density=0.1, max_io_density=0.3), False),
    ],
)
def test_a_trial_says_what_it_read_and_whether_that_is_too_much(budget, is_over):
    line = OK.model_copy(update={"io_density": 0.3, "kl": 0.5})
    over = "over the budget; " if is_over else ""
    expected = f"F1 trial 1/2: ok, objective 0.25; error 0.2, density 5.0%, I/O density 30.0%; {over}KL 0.5"
    assert trial_sentence(line, 1, 2, budget) == expected


def test_more_steps_than_were_estimated_do_no_harm(capsys):
    progress = PlainProgress()
    progress.advance()
    progress.begin(1)
    progress.advance(5)
    assert "100% done, about 0:00 left" in capsys.readouterr().err


def test_on_a_terminal_a_bar_moves_and_failures_are_said():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with RichProgress(TextColumn("{task.fields[stage]} {task.fields[trials]}"), console=console) as display:
        progress = LiveProgress(display)
        tell(progress)
        assert (display.tasks[0].completed, display.tasks[0].total) == (8, 8)
    shown = stream.getvalue()
    assert "trial 2/2: error, [red] is no colour" in shown
    assert "Note: 2 requests are fewer than 10." in shown
    assert "F3 trial 2/2: 1 infeasible, 1 ok, 1 error" in shown


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (TrialLine(parameters={}, status="pruned", objective=1.0, fidelity="F2"), "F2 trial 3/9: pruned, objective 1"),
        (TrialLine(parameters={}, status="timeout", reason="900 s"), "F3 trial 3/9: timeout, 900 s"),
        (TrialLine(parameters={}, status="ok", objective=1.0, kl=0.5), "F3 trial 3/9: ok, objective 1; KL 0.5"),
        (TrialLine(parameters={}, status="ok", objective=1.0, score=0.0), "F3 trial 3/9: ok, objective 1; score 0"),
        (TrialLine(parameters={}, status="infeasible"), "not tried: infeasible"),
    ],
)
def test_trials_end_in_a_sentence(line, said):
    assert trial_sentence(line, 3, 9) == said


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.2, "1:01"), (3661, "1:01:01")])
def test_clocks(seconds, text):
    assert clock(seconds) == text
