"""What the report says of searches with several rungs, several winners, or winners that tie."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.html import write_report
from sparse_hub_core.report.notes import notes
from sparse_hub_core.report.rows import cell_row, failures
from sparse_hub_core.report.rungs import correlations
from sparse_hub_core.report.winners import winners as winners_table
from sparse_hub_core.report.write_run import write_cells, write_summary
from sparse_hub_core.results.files import append_line, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import Correlation, SummaryFile, TrialLine

GOOD = Correlation(lower="F0", upper="F1", spearman=0.9, low=0.71, high=0.97, kendall=0.8, n=17)
POOR = Correlation(lower="F1", upper="F2", spearman=0.31, low=-0.64, high=0.89, kendall=0.2, n=6)


def changed(cell, validation=None, best=None, **more):
    """Return a cell whose winner or verdict differs."""
    return cell.model_copy(
        update={
            "best": cell.best.model_copy(update=best or {}),
            "validation": cell.validation.model_copy(update=validation or {}),
            **more,
        }
    )


@pytest.fixture
def winners(cells):
    """Two winners of one Pareto search."""
    return [
        changed(
            cells[1],
            {"limited_answers": limited},
            {"target": f"density-{percent}", "budget": f"density at most {percent}%", "correlations": [GOOD, POOR]},
            target=f"density-{percent}",
        )
        for percent, limited in ((5, 2), (20, 1))
    ]


def test_winners_of_one_search_are_told_apart_everywhere(winners, capsys):
    names = [f"sink_local_oracle_top_k, density <= {percent}%" for percent in (5, 20)]
    assert [cell_row(cell).preset for cell in winners] == names
    write_cells(winners, load_registry(), lambda cell: Path("runs") / cell.target / "best.json")
    said = capsys.readouterr().out
    for name, percent in zip(names, (5, 20), strict=True):
        assert f"Best of demo, ruler/niah_multikey_2, {name}:" in said
        assert f"runs/density-{percent}/best.json')" in said
    failed = [cell.model_copy(update={"status": "failed", "reason": "No baseline."}) for cell in winners]
    assert failures(failed) == [f"demo, ruler/niah_multikey_2, {', '.join(names)}: No baseline."]
    (limited,) = [note for note in notes(winners) if note.startswith("Answers stopped")]
    assert limited.endswith(f"2 in {winners[0].task} ({names[0]}); 1 in {winners[0].task} ({names[1]}).")


def test_what_the_search_measured_of_each_winner_is_on_the_screen_and_in_the_page(winners, tmp_path, capsys):
    searched = [
        changed(winners[0], best={"io_density": 0.25, "objective": 0.5, "score": 75.0}),
        changed(winners[1], best={"fidelity": "F1"}),
    ]
    searched = [cell.model_copy(update={"validation": None}) for cell in searched]
    headings, (first, second) = winners_table(searched)
    assert headings == ["winner", "objective", "error", "density", "I/O density", "score", "measured at"]
    assert first[1:] == ["0.5 (default)", "0.1", "4.00%", "25.00%", "75", "F3"]
    assert second[1:] == ["0.123 (default)", "0.1", "4.00%", "-", "-", "F1"]
    write_cells(searched, load_registry(), lambda cell: Path("best.json"))
    line = next(line for line in capsys.readouterr().out.splitlines() if "0.5 (default)" in line)
    assert line.split() == " ".join(first).split()
    page = write_report(tmp_path, SummaryFile(run_id="run-0", cells=searched)).read_text()
    assert "<td>0.5 (default)</td>" in page


def test_the_files_of_each_winner_are_named_and_the_trials_shown_once(winners, tmp_path, capsys):
    run = RunDirectory(tmp_path / "run-0123456789")
    summary = SummaryFile(run_id=run.run_id, cells=winners)
    folder = run.cell(winners[0].model, winners[0].task, winners[0].preset)
    for fidelity, kl in (("F0", None), ("F2", 0.0625)):
        append_line(folder.trials, TrialLine(parameters={"size": 4}, status="ok", error=0.5, fidelity=fidelity, kl=kl))
    for cell in winners:
        write_json(folder.target(cell.target).best, cell.best)
    page = write_report(run.path, summary).read_text()
    write_summary(summary, summary, run.path, load_registry())
    said = capsys.readouterr().out
    for cell in winners:
        assert str((folder.path / cell.target / "best.json").resolve()) in said
        assert str((folder.path / cell.target / "best.json").resolve()) in page
    assert page.count('<span class="plain">1 configuration, 2 trials: 1 F0, 1 F2') == 1
    headings = re.findall(r"<button type=\"button\">([^<]+)</button>", page)
    assert "KL" in headings
    assert "score" not in headings[headings.index("trial") :]
    assert "<td>F2</td><td>ok</td><td>0.5</td><td>0.0625</td>" in page
    assert "0.90 [0.71, 0.97]" in page


def test_configurations_are_counted_once_and_those_that_won_are_marked(winners, tmp_path):
    run = RunDirectory(tmp_path / "run-0123456789")
    folder = run.cell(winners[0].model, winners[0].task, winners[0].preset)
    first, second, third = ({"size": size} for size in (4, 8, 16))
    cells = [changed(cell, best={"parameters": won}) for cell, won in zip(winners, (first, second), strict=True)]
    for parameters, fidelity in ((first, "F0"), (second, "F0"), (third, "F0"), (second, "F1"), (first, "F1")):
        append_line(folder.trials, TrialLine(parameters=parameters, status="ok", fidelity=fidelity))
    append_line(folder.trials, TrialLine(parameters={"size": 99}, status="infeasible", fidelity="F0"))
    page = write_report(run.path, SummaryFile(run_id=run.run_id, cells=cells)).read_text()
    assert "3 configurations, 5 trials: 3 F0, 2 F1; 1 not tried" in page
    marked = re.findall(r'<tr class="won"><td>\d</td><td>(.+?)</td><td>(\d+)</td>', page)
    tight, loose = ("density at most 5%", "4"), ("density at most 20%", "8")
    assert marked == [tight, loose, loose, tight]


@pytest.mark.parametrize(
    ("fidelities", "trials", "told"),
    [
        ({"F3": 4, "F0": 30, "F1": 10}, {"ok": 30, "infeasible": 5}, "30 F0, 10 F1, 4 F3; 5 not tried"),
        ({"F2": 8}, {"ok": 5, "pruned": 3}, "8 F2; 3 pruned"),
        ({"F0": 2}, {"ok": 2}, "2 F0"),
        ({}, {"ok": 8, "pruned": 2}, "8 ok, 2 pruned"),
        ({}, {}, "-"),
    ],
)
def test_the_trials_column_counts_configurations_at_each_fidelity(cells, fidelities, trials, told):
    assert cell_row(cells[2].model_copy(update={"fidelities": fidelities, "trials": trials})).trials == told


def test_correlations_have_a_row_per_search_and_poor_ones_are_named(winners, cells):
    headings, rows = correlations(winners)
    assert headings == ["preset", "rungs", "Spearman [95% interval]", "Kendall", "n"]
    assert rows == [
        ["sink_local_oracle_top_k", "F0 and F1", "0.90 [0.71, 0.97]", "0.80", "17"],
        ["sink_local_oracle_top_k", "F1 and F2", "0.31 [-0.64, 0.89]", "0.20", "6"],
    ]
    elsewhere = changed(cells[2], best={"correlations": [GOOD]}, task="books/qa")
    assert [row[1] for row in correlations([*winners, elsewhere])[1]] == [winners[0].task] * 2 + ["books/qa"]
    (sentence,) = [note for note in notes(winners) if note.startswith("Rungs: ")]
    assert sentence.endswith("twice as many on: F1 and F2 in ruler/niah_multikey_2 (sink_local_oracle_top_k).")
    (sentence,) = [note for note in notes([elsewhere]) if note.startswith("Rungs: ")]
    assert sentence.endswith("; none is.")
    unsure = changed(elsewhere, best={"correlations": [GOOD, POOR.model_copy(update={"spearman": 0.6})]})
    (sentence,) = [note for note in notes([unsure]) if note.startswith("Rungs: ")]
    assert sentence.endswith("; none is seen to be, but too few ran where an interval reaches below it.")
    assert not [note for note in notes(cells) if note.startswith("Rungs: ")]


@pytest.mark.parametrize(("fidelities", "of"), [({"F0": 50, "F3": 4}, " of 4"), ({}, "")])
def test_a_winner_of_a_tie_is_said_to_be_one(cells, fidelities, of):
    tied = changed(cells[2], best={"num_tied": 3, "num_requests": 10}, fidelities=fidelities)
    (sentence,) = [note for note in notes([cells[1], tied]) if "cannot be told from the best" in note]
    assert sentence.endswith(f"won: 3{of} at F3 on 10 requests in ruler/niah_multikey_2 (local_sink).")
    assert not [note for note in notes(cells) if "cannot be told from the best" in note]


def test_a_winner_that_never_generated_is_said_to_be_one(cells):
    replayed = [changed(cells[index], best={"fidelity": fidelity}) for index, fidelity in ((1, "F0"), (2, "F2"))]
    (sentence,) = [note for note in notes(replayed) if note.startswith("Chosen before")]
    assert "sink_local_oracle_top_k in ruler/niah_multikey_2 at F0 (replay of some layers" in sentence
    assert "local_sink in ruler/niah_multikey_2 at F2 (teacher-forced" in sentence
    assert not [note for note in notes(cells) if note.startswith("Chosen before")]
