from __future__ import annotations

import sys

import pytest

from sparse_hub_core.cli.plain_progress import MAX_TRIALS, PlainProgress
from sparse_hub_core.cli.progress import can_redraw, watch
from sparse_hub_core.cli.told import clock, trial_sentence
from sparse_hub_core.cli.watched import Searched, Watched
from sparse_hub_core.results.schema import CellSummary, TrialLine
from sparse_hub_core.search.budget import Budget

OK = TrialLine(parameters={}, status="ok", objective=0.25, error=0.2, density=0.05, fidelity="F1")
INFEASIBLE = TrialLine(parameters={}, status="infeasible", reason="the window covers everything")
FAILED = TrialLine(parameters={}, status="error", reason="[red] is no colour")


def tell(progress) -> None:
    progress.begin(10)
    progress.stage("search demo, ruler/vt, local_sink")
    progress.trial(INFEASIBLE, 1, 0, 2)
    progress.trial(OK, 2, 1, 2)
    progress.trial(FAILED, 3, 2, 2)
    progress.expect(-2)
    for _ in range(8):
        progress.advance()
    progress.note("2 requests are fewer than 10.")
    progress.end()


def said(capsys) -> list[str]:
    """Return the lines that were written, without their times."""
    return [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]


def test_without_a_terminal_every_event_is_a_line(capsys):
    with watch() as progress:
        assert isinstance(progress, PlainProgress)
        tell(progress)
    lines = said(capsys)
    assert lines[0] == "search demo, ruler/vt, local_sink"
    assert lines[1] == "  not tried: the window covers everything"
    assert lines[2] == "  #2 F1 1/2: ok, objective 0.25, error 0.2, density 5.0%"
    assert lines[3] == "  #3 F3 2/2: error: [red] is no colour"
    assert lines[-2:] == ["100% done, about 0:00 left", "Note: 2 requests are fewer than 10."]


def test_what_others_say_stays_one_line_without_codes(capsys):
    progress = PlainProgress()
    progress.note("line\nbreak \x1b[31mred")
    assert said(capsys) == ["Note: line break  [31mred"]


def test_plain_progress_is_told_a_few_times_only(capsys):
    progress = PlainProgress()
    progress.begin(1000)
    for _ in range(1000):
        progress.advance()
    assert len(said(capsys)) == 10


def test_steps_that_are_found_out_later_do_not_let_it_go_back(capsys):
    progress = PlainProgress()
    progress.begin(10)
    progress.advance(5)
    progress.expect(10)
    for _ in range(15):
        progress.advance()
    assert [line.partition("%")[0] for line in said(capsys)] == ["50", "60", "70", "80", "90", "100"]


@pytest.mark.parametrize("done", [0, 46, 99, 130])
def test_what_was_expected_and_never_came_leaves_a_run_done(capsys, done):
    progress = PlainProgress()
    progress.begin(100)
    progress.advance(done)
    progress.end()
    assert ("100% done" in capsys.readouterr().err) == (done > 0)


def test_more_steps_than_were_estimated_do_no_harm(capsys):
    progress = PlainProgress()
    progress.advance()
    progress.begin(1)
    progress.advance(5)
    assert "100% done, about 0:00 left" in capsys.readouterr().err


def test_what_need_not_be_run_again_says_nothing_of_the_time_that_is_left():
    watched = Watched(started=0.0, total=100).further(skipped=60)
    assert watched.seconds_left(now=1.0) is None
    watched = watched.at_stage("load demo", now=5.0).at_stage("validate", now=20.0).further(done=20)
    assert watched.share == pytest.approx(0.8)
    # 20 of them took 8 seconds, and 20 are left.
    assert watched.seconds_left(now=28.0) == pytest.approx(8.0)
    assert Watched(0.0, total=100).further(done=49).seconds_left(now=4.0) is None
    # What is skipped later is no faster pace either.
    assert watched.further(skipped=10).seconds_left(now=28.0) == pytest.approx(4.0)


def test_a_pace_that_says_little_of_the_rest_gives_no_time_that_is_left():
    watched = Watched(started=0.0, total=100).at_stage("F3", now=0.0).further(done=60)
    assert watched.seconds_left(now=60.0) == pytest.approx(40.0)
    slow, alike = watched.at_stage("F0", now=60.0).further(done=1), watched.at_stage("F3", now=60.0).further(done=1)
    assert slow.seconds_left(now=80.0) is None
    assert alike.seconds_left(now=61.5) is not None
    assert watched.at_stage("load", now=60.0).seconds_left(now=60.0) is None


@pytest.mark.parametrize(("waiting", "is_told"), [(2, False), (1, True)])
def test_cells_that_are_to_come_may_take_many_times_as_long(waiting, is_told):
    ended = {("demo", "t", f"e{number}"): "done" for number in range(2)}
    to_come = {("demo", "t", f"w{number}"): "waiting" for number in range(waiting)}
    watched = Watched(started=0.0, total=100, cells={**ended, **to_come}).further(done=60)
    assert (watched.seconds_left(now=60.0) is not None) == is_told


def test_proposals_that_are_not_tried_for_one_reason_are_counted(capsys):
    progress = PlainProgress()
    for index, line in enumerate((INFEASIBLE, OK, INFEASIBLE, INFEASIBLE), start=1):
        progress.trial(line, index, 1, 2)
    progress.stage("F1")
    progress.trial(INFEASIBLE, 5, 0, 2)
    progress.end()
    once = "  not tried: the window covers everything"
    assert [line for line in said(capsys) if "not tried" in line] == [once, f"{once} (3 in all)", once]


def test_a_long_search_has_a_bounded_number_of_lines_with_each_new_best_and_each_kind_of_failure(capsys):
    progress, total = PlainProgress(Budget(max_density=0.5)), 1000
    for number in range(1, total + 1):
        objective = {1: 3.0, 333: 1.5}.get(number, 4.0)
        line = OK.model_copy(update={"objective": objective, "density": 0.05})
        if number == 777:
            # Lower, and not allowed.
            line = line.model_copy(update={"objective": 0.1, "density": 0.9})
        if number % 100 == 5:
            line = FAILED.model_copy(update={"reason": "too big" if number < 500 else "too small"})
        progress.trial(line, number, number, total)
    progress.stage("F2")
    lines = said(capsys)
    assert len(lines) <= MAX_TRIALS + 2 + 4 + 1 + 1
    assert any(line.startswith("  #333 F1 333/1000: ok, objective 1.5") for line in lines)
    repeated = [line for line in lines if "in all)" in line]
    assert repeated == ["  error: too big (5 in all)", "  error: too small (5 in all)"]
    assert lines[-2].startswith("  in all 990 ok (1 over the budget), 10 error; best #333, objective 1.5")


@pytest.mark.parametrize("total", [1, 2, 20])
def test_a_short_search_has_a_line_per_trial(capsys, total):
    progress = PlainProgress()
    for number in range(1, total + 1):
        progress.trial(OK, number, number, total)
    progress.stage("F2")
    assert len(said(capsys)) == total + 1


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
    over = ", over the budget" if is_over else ""
    expected = f"#7 F1 1/2: ok{over}, objective 0.25, error 0.2, density 5.0%, I/O density 30.0%, KL 0.5"
    assert trial_sentence(line, 7, 1, 2, budget) == expected


def ended(objective, fidelity="F0", density=0.05, status="ok"):
    return OK.model_copy(update={"objective": objective, "fidelity": fidelity, "density": density, "status": status})


@pytest.mark.parametrize(
    ("lines", "best"),
    [
        ([], None),
        ([INFEASIBLE, FAILED], None),
        ([ended(0.5), ended(0.3), ended(0.4)], 2),
        ([ended(0.5), ended(0.3, density=0.2)], 1),
        ([ended(0.3, density=0.2)], None),
        ([ended(0.5), ended(0.1, status="pruned")], 1),
        ([ended(0.1), ended(0.6, "F1"), ended(0.7, "F1"), ended(0.2)], 2),
        ([ended(None)], None),
    ],
)
def test_the_best_is_the_lowest_within_the_budget_at_the_highest_fidelity(lines, best):
    searched = Searched(Budget(max_density=0.1))
    for index, line in enumerate(lines, start=1):
        searched = searched.after(line, index, index, 10)
    assert (searched.best and searched.best[0]) == best


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (TrialLine(parameters={}, status="pruned", objective=1.0, fidelity="F2"), "#5 F2 3/9: pruned, objective 1"),
        (TrialLine(parameters={}, status="timeout", reason="900 s"), "#5 F3 3/9: timeout: 900 s"),
        (TrialLine(parameters={}, status="ok", objective=1.0, kl=0.5), "#5 F3 3/9: ok, objective 1, KL 0.5"),
        (TrialLine(parameters={}, status="ok", objective=1.0, score=0.0), "#5 F3 3/9: ok, objective 1, score 0"),
        (TrialLine(parameters={}, status="infeasible"), "not tried: infeasible"),
    ],
)
def test_trials_end_in_a_sentence(line, said):
    assert trial_sentence(line, 5, 3, 9) == said


def test_a_cell_ends_in_a_line_with_its_verdict_or_failure(capsys, cells):
    progress = PlainProgress()
    for cell in cells:
        progress.cell([CellSummary(model="demo", task=cell.task, preset=cell.preset, status="waiting")])
        progress.cell([cell])
    place = "demo, ruler/niah_multikey_2"
    dense, within, worse, failed = said(capsys)
    assert dense == f"{place}, dense: score 95 (baseline)"
    assert within.startswith(
        f"{place}, sink_local_oracle_top_k: within noise, score 93.75, difference -1.25 [-4, +1.5]"
    )
    assert worse.startswith(f"{place}, local_sink: worse than dense, score 35, difference -60 [-75, -45]")
    assert failed == f"{place}, broken: failed"


def test_the_verdict_of_a_cell_that_just_ended_goes_by_its_own_p_value(capsys, cells):
    judged = cells[2].validation.model_copy(update={"p_value": 0.0625, "test": "a test"})
    PlainProgress().cell([cells[2].model_copy(update={"validation": judged})])
    (line,) = said(capsys)
    assert "local_sink: within noise, score 35" in line
    assert line.endswith(", p 0.062 by itself")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": "", "TERM": "xterm"}, True)],
)
def test_the_environment_may_ask_for_plain_lines(environment, expected, monkeypatch, capsys):
    assert not can_redraw(sys.stderr, environment)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert can_redraw(sys.stderr, environment) == expected


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.2, "1:01"), (3661, "1:01:01")])
def test_clocks(seconds, text):
    assert clock(seconds) == text
