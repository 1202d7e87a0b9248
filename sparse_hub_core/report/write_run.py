"""The summary of a run for people: on the screen, or as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.report.cells_table import costs_table, verdicts_table
from sparse_hub_core.report.formats import Screen, Writer
from sparse_hub_core.report.notes import notes
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.report.rows import cell_label, failures, further_scores, is_telling
from sparse_hub_core.report.rungs import correlations
from sparse_hub_core.report.winners import winners
from sparse_hub_core.results.run_directory import RunDirectory

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.results.schema import CellSummary, SummaryFile

BestPath = Callable[["CellSummary"], Path]
SCREEN = Screen()


def write_summary(summary: SummaryFile, folder: SummaryFile, directory: Path, registry: Registry) -> None:
    """Write the cells of a command that just ended, the best configurations ready to paste, and where the files are.

    Args:
        summary: The cells of the command.
        folder: Those of the run's folder, where earlier commands may have left others. Their winners are shown too,
            as p-values are adjusted over all of them.
        directory: The folder.
        registry: What is installed.
    """
    own = {cell.place for cell in summary.cells}
    tested = {(cell.model, cell.task) for cell in summary.cells}
    earlier = [
        cell
        for cell in folder.cells
        if cell.place not in own and (cell.model, cell.task) in tested and cell.validation is not None
    ]
    shown = [cell for cell in folder.cells if cell.place in own or cell in earlier]
    SCREEN.say(title(summary))
    if earlier:
        names = ", ".join(dict.fromkeys(cell.preset for cell in earlier))
        SCREEN.say(
            f"Earlier commands with the same other settings left {names} in this folder; they stand beside the others, "
            "and p-values are adjusted over all winners."
        )
    write_cells(shown, registry, RunDirectory(directory).best, pasted=summary.cells)
    write_places(directory)


def write_run(
    summary: SummaryFile,
    directory: Path,
    registry: Registry,
    state: str,
    is_running: bool,
    writer: Writer = SCREEN,
) -> None:
    """Write a run as it stands, with what the columns say.

    Args:
        summary: Its cells.
        directory: Its folder.
        registry: What is installed.
        state: A sentence on how far it is; empty where it is done.
        is_running: Whether a process runs it, so that cells that are running were not cut off.
        writer: What it is written with.
    """
    writer.say(title(summary))
    if state:
        writer.say(state)
    write_cells(summary.cells, registry, RunDirectory(directory).best, writer, is_running, with_legend=True)
    write_places(directory, writer)


def title(summary: SummaryFile) -> str:
    """Return which run it is, and on what it ran."""
    models = ", ".join(dict.fromkeys(cell.model for cell in summary.cells))
    tasks = ", ".join(dict.fromkeys(cell.task for cell in summary.cells))
    return f"Run {summary.run_id}: {tasks or 'no task'} with {models or 'no model'}"


def write_places(directory: Path, writer: Writer = SCREEN) -> None:
    """Write where the files are."""
    writer.say(f"Files: {directory}")
    report = RunDirectory(directory).report
    if report.exists():
        writer.say(f"Report: {report}")


def write_cells(
    cells: Sequence[CellSummary],
    registry: Registry,
    best_path: BestPath,
    writer: Writer = SCREEN,
    is_running: bool = True,
    with_legend: bool = False,
    pasted: Sequence[CellSummary] | None = None,
) -> None:
    """Write tables of cells, what is to be known about them, and the best configuration of each, or of some."""
    verdicts = verdicts_table(cells, is_running).only(is_telling)
    writer.table(verdicts.headings, verdicts.texts)
    legend = verdicts.legend
    if any(cell.validation is not None or cell.trials for cell in cells):
        costs = costs_table(cells, is_running).only(is_telling)
        legend += costs.legend
        writer.say("")
        writer.table(costs.headings, costs.texts)
    for headings, rows in (winners(cells), further_scores(cells), correlations(cells)):
        if rows:
            writer.say("")
            writer.table(headings, rows)
    if with_legend:
        for line in ("", *legend):
            writer.say(line)
    for note in notes(cells):
        writer.say(note)
    for sentence in failures(cells):
        writer.say(f"Failed: {sentence}")
    for cell in cells if pasted is None else pasted:
        if cell.best is not None:
            writer.heading(f"Best of {cell.model}, {cell.task}, {cell_label(cell)}")
            writer.code(as_python(cell.best, best_path(cell).resolve(), registry))
    writer.say("")
