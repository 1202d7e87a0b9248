"""The cells of a run as a table: what the screen shows of each, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparse_hub_core.fidelity import FIDELITIES
from sparse_hub_core.report.data_table import Column, DataTable, Value
from sparse_hub_core.report.rows import COSTS, HEADINGS, VERDICTS, Row, cell_rows
from sparse_hub_core.report.verdicts import adjusted_p_values
from sparse_hub_core.results.schema import STATUSES

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import Best, CellSummary, Interval, ValidationFile

LEGENDS = {
    "score": "the mean over the validation questions, and how far off it may be",
    "dense": "dense attention's on the same questions",
    "difference": "score minus dense score, paired by question; n questions, clustered by request",
    "p_value": "how likely so large a difference is by chance, adjusted over the presets beside each other",
    "density": "the share of the keys that were read, in the search and in the validation",
    "error": "the relative distance from dense attention's output",
    "latency": "of a decode step, measured in a pass that measures nothing else",
    "trials": "configurations at each fidelity, F0 the cheapest; then those that did not end well",
}
"""What a column says; the others are explained by their headings or by a note."""


@dataclass(frozen=True)
class ShownCell:
    """A row of the summary, as numbers and as text."""

    cell: CellSummary
    row: Row
    adjusted_p: float | None
    state: str
    """How it stands, where it did not end: waiting, running, or cut off."""

    @property
    def verdict(self) -> str:
        """The verdict, or how far the cell is."""
        return self.state or self.row.verdict


def cells_table(
    cells: Sequence[CellSummary], is_running: bool = True, columns: Sequence[str] = tuple(HEADINGS)
) -> DataTable[ShownCell]:
    """Return the cells of a run; where no process runs it, those that are running were cut off."""
    shown = [
        ShownCell(cell, row, adjusted, _state(cell, is_running))
        for cell, row, adjusted in zip(cells, cell_rows(cells), adjusted_p_values(cells), strict=True)
    ]
    return DataTable(tuple(_column(name) for name in columns), tuple(shown))


def verdicts_table(cells: Sequence[CellSummary], is_running: bool) -> DataTable[ShownCell]:
    """Return what came out; a terminal is too narrow for this and what it cost side by side."""
    return cells_table(cells, is_running, VERDICTS)


def costs_table(cells: Sequence[CellSummary], is_running: bool) -> DataTable[ShownCell]:
    """Return what it cost."""
    return cells_table(cells, is_running, COSTS)


def _state(cell: CellSummary, is_running: bool) -> str:
    if cell.status == "running":
        return "running" if is_running else "cut off"
    return "waiting" if cell.status == "waiting" else ""


def _column(name: str) -> Column[ShownCell]:
    def text(shown: ShownCell) -> str:
        return shown.verdict if name == "verdict" else str(getattr(shown.row, name))

    names, values = VALUES[name]
    return Column(HEADINGS[name], text, names, values, LEGENDS.get(name, ""))


def _of_interval(interval: Interval | None) -> tuple[Value, ...]:
    return (None, None, None) if interval is None else (interval.mean, interval.low, interval.high)


def _preset(shown: ShownCell) -> tuple[Value, ...]:
    cell, best = shown.cell, shown.cell.best
    return cell.preset, cell.target, best.budget if best else ""


def _score(shown: ShownCell) -> tuple[Value, ...]:
    judged = shown.cell.validation
    score = judged and (judged.sparse or judged.dense)
    return (None, None) if not score else (score.mean, score.standard_error)


def _difference(shown: ShownCell) -> tuple[Value, ...]:
    judged = shown.cell.validation
    counted = judged and (judged.difference or judged.dense)
    return (
        *_of_interval(judged.difference if judged else None),
        counted.n if counted else None,
        counted.clusters if counted else None,
    )


def _trials(shown: ShownCell) -> tuple[Value, ...]:
    cell = shown.cell
    return (*(cell.fidelities.get(name, 0) for name in FIDELITIES), *(cell.trials.get(name, 0) for name in STATUSES))


def _latency(shown: ShownCell) -> tuple[Value, ...]:
    latency = shown.cell.validation and shown.cell.validation.latency
    if not latency:
        return None, None, None
    return latency.sparse_ms_per_token, latency.dense_ms_per_token, latency.context_tokens


def _judged(*names: str) -> Callable[[ShownCell], tuple[Value, ...]]:
    """Return what reads fields of the validation."""
    return lambda shown: tuple(getattr(shown.cell.validation, name, None) for name in names)


def _dense(shown: ShownCell) -> tuple[Value, ...]:
    judged: ValidationFile | None = shown.cell.validation
    return (judged.dense.mean if judged and judged.dense else None,)


def _density(shown: ShownCell) -> tuple[Value, ...]:
    best: Best | None = shown.cell.best
    judged = shown.cell.validation
    searched = judged.density_search if judged else None
    return best.density if best else searched, judged.density_validation if judged else None


VALUES: dict[str, tuple[tuple[str, ...], Callable[[ShownCell], tuple[Value, ...]]]] = {
    "preset": (("preset", "target", "budget"), _preset),
    "task": (("task",), lambda shown: (shown.cell.task,)),
    "model": (("model",), lambda shown: (shown.cell.model,)),
    "score": (("score", "score_standard_error"), _score),
    "dense": (("dense_score",), _dense),
    "difference": (("difference", "difference_low", "difference_high", "questions", "requests"), _difference),
    "p_value": (
        ("p", "p_adjusted"),
        lambda shown: (*_judged("p_value")(shown), shown.adjusted_p),
    ),
    "verdict": (("status", "verdict"), lambda shown: (shown.cell.status, shown.verdict)),
    "density": (("density_search", "density_validation"), _density),
    "io_density": (("io_density",), _judged("io_density_validation")),
    "error": (("error_mean", "error_p95"), _judged("error_mean", "error_p95")),
    "latency": (("sparse_ms_per_token", "dense_ms_per_token", "context_tokens"), _latency),
    "trials": (
        (*(f"trials_{name.lower()}" for name in FIDELITIES), *(f"configurations_{name}" for name in STATUSES)),
        _trials,
    ),
}
"""The values behind each column."""
