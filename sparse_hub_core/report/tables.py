"""The summary of a run on the screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.report.notes import notes
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.report.rows import COSTS, VERDICTS, cell_label, failures, further_scores, summary_table
from sparse_hub_core.report.rungs import correlations
from sparse_hub_core.report.text import write_table
from sparse_hub_core.report.winners import winners
from sparse_hub_core.results.run_directory import RunDirectory

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.results.schema import CellSummary, SummaryFile

BestPath = Callable[["CellSummary"], Path]


def write_summary(summary: SummaryFile, directory: Path, registry: Registry) -> None:
    """Write all cells of a run, the best configurations ready to paste, and where the files are."""
    run = RunDirectory(directory)
    _say(f"Run {summary.run_id}: {_places(summary.cells)}")
    write_cells(summary.cells, registry, run.best)
    _say(f"Files: {directory}")
    if (directory / "report.html").exists():
        _say(f"Report: {directory / 'report.html'}")


def write_cells(cells: Sequence[CellSummary], registry: Registry, best_path: BestPath) -> None:
    """Write a table of cells, what is to be known about it, and the best configuration of each cell."""
    # Two tables, because a terminal is too narrow for all columns side by side.
    write_table(*summary_table(cells, VERDICTS))
    if any(cell.validation is not None or cell.trials for cell in cells):
        _say("")
        write_table(*summary_table(cells, COSTS))
    _write_further(*winners(cells))
    _write_further(*further_scores(cells))
    _write_further(*correlations(cells))
    for note in notes(cells):
        _say(note)
    for sentence in failures(cells):
        _say(f"Failed: {sentence}")
    for cell in cells:
        if cell.best is not None:
            _say(f"\nBest of {cell.model}, {cell.task}, {cell_label(cell)}:")
            _say(as_python(cell.best, best_path(cell).resolve(), registry))
    _say("")


def _write_further(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        _say("")
        write_table(headings, rows)


def _places(cells: Sequence[CellSummary]) -> str:
    models = ", ".join(dict.fromkeys(cell.model for cell in cells))
    tasks = ", ".join(dict.fromkeys(cell.task for cell in cells))
    return f"{tasks or 'no task'} with {models or 'no model'}"


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
