"""The runs of a folder as a table."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_hub_core.report.data_table import Column, DataTable, Value, plain
from sparse_hub_core.report.numbers import NOTHING, difference, moment, moment_utc
from sparse_hub_core.report.overview import Overview
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.report.text import fits

MAX_NAMED = 3
"""So many names stand in a cell; of more, the others are counted."""


SPARE = ("models", "started", "presets", "tasks")
"""What a narrow terminal goes without, the first first."""


def runs_table(runs: Sequence[Overview]) -> DataTable[Overview]:
    """Return a row per run."""
    return DataTable(COLUMNS, tuple(runs))


def for_people(table: DataTable[Overview], width: int | None) -> tuple[DataTable[Overview], list[str]]:
    """Return the table as people read it, and what a terminal of some width has no room for; None has room for all."""
    shown = table.only(lambda heading, texts: heading != "folder")
    left_out: list[str] = []
    if width is None:
        return shown, left_out
    for spare in SPARE:
        if fits(shown.headings, shown.texts, width):
            break
        left_out.append(spare)
        shown = shown.only(lambda heading, texts: heading not in left_out)
    return shown, left_out


def _named(names: Sequence[str]) -> str:
    if len(names) <= MAX_NAMED:
        return ", ".join(names) or NOTHING
    return f"{', '.join(names[: MAX_NAMED - 1])} and {len(names) - MAX_NAMED + 1} more"


def _cells(run: Overview) -> str:
    return f"{run.num_done}/{run.num_cells}" + (f", {run.num_failed} failed" if run.num_failed else "")


def _best(run: Overview) -> str:
    if run.best is None:
        return NOTHING
    cell, interval = run.best
    place = [
        cell_label(cell),
        *([cell.task] if len(run.tasks) > 1 else []),
        *([cell.model] if len(run.models) > 1 else []),
    ]
    return f"{difference(interval)}, {', '.join(place)}"


def _best_values(run: Overview) -> tuple[Value, ...]:
    if run.best is None:
        return (None,) * 6
    cell, interval = run.best
    return interval.mean, interval.low, interval.high, cell.model, cell.task, cell_label(cell)


COLUMNS: tuple[Column[Overview], ...] = (
    plain("run", lambda run: run.run_id),
    plain("status", lambda run: run.status),
    Column("started", lambda run: moment(run.started), ("started",), lambda run: (moment_utc(run.started),)),
    Column("last change", lambda run: moment(run.changed), ("changed",), lambda run: (moment_utc(run.changed),)),
    Column("models", lambda run: _named(run.models), ("models",), lambda run: (list(run.models),)),
    Column("tasks", lambda run: _named(run.tasks), ("tasks",), lambda run: (list(run.tasks),)),
    Column("presets", lambda run: _named(run.presets), ("presets",), lambda run: (list(run.presets),)),
    Column(
        "cells done",
        _cells,
        ("cells", "cells_done", "cells_failed"),
        lambda run: (run.num_cells, run.num_done, run.num_failed),
    ),
    Column(
        "best difference [95% interval]",
        _best,
        (
            *("best_difference", "best_difference_low", "best_difference_high"),
            *("best_model", "best_task", "best_preset"),
        ),
        _best_values,
    ),
    Column("folder", lambda run: str(run.path), ("path",), lambda run: (str(run.path),)),
)
