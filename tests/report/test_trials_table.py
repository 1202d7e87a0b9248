"""The trials of a search as a table."""

from __future__ import annotations

from sparse_hub_core.report.trials import trials_table
from sparse_hub_core.search.budget import Budget
from tests.report.conftest import trial, trials


def column(table, heading):
    return [row[table.headings.index(heading)] for row in table.rows]


def test_what_was_not_tried_is_said_in_words_with_a_legend():
    table = trials_table(trials(), [], None, most=1000)
    assert column(table, "status")[-4:] == ["pruned", "not tried", "timeout", "out of memory"]
    assert [word for word, _ in table.legend] == ["not tried", "pruned", "timeout", "out of memory"]
    assert "over the budget" not in table.headings
    assert trials_table([trial({"w": 1}, "F0", 0.1)], [], None, most=10).legend == ()


def test_a_trial_over_the_budget_says_by_how_much():
    lines = [trial({"w": 1}, "F0", 0.1, density=density) for density in (0.05, 0.06)] + trials()[-3:-2]
    table = trials_table(lines, [], Budget(max_density=0.05), most=10)
    assert column(table, "over the budget") == ["no", "by 1.00%", "-"]


def test_of_very_many_trials_winners_and_the_best_of_the_highest_rungs_are_shown(cells):
    lines = trials()
    winner = cells[2].model_copy(update={"best": cells[2].best.model_copy(update={"parameters": lines[7].parameters})})
    table = trials_table(lines, [winner], None, most=4)
    assert column(table, "trial")[0] == "8"
    assert column(table, "won")[0] == "winner"
    assert column(table, "fidelity")[1:] == ["F3", "F3", "F3"]
    assert table.marked == {0}
    assert table.note.startswith(f"4 of {len(lines)} trials are shown: winners")
