"""report.html: one self-contained page about a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.notes import notes
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.report.rows import cell_row, failures, further_scores, summary_table
from sparse_hub_core.report.rungs import correlations
from sparse_hub_core.report.trials import trials_title, won
from sparse_hub_core.report.winners import winners
from sparse_hub_core.results.files import read_json, write_text
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import RunFile

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.results.schema import CellSummary, SummaryFile, TrialLine

CHART_HEIGHT = 80
BAR_WIDTH = 18
MEASURED = {
    **{"objective": "objective", "error": "error", "density": "density", "io_density": "I/O density"},
    **{"kl": "KL", "delta_nll": "delta NLL", "score": "score"},
}
"""What a trial measures, and how it is called."""


@dataclass(frozen=True)
class Bar:
    """One layer of the error chart, in pixels from the top left."""

    layer: int
    error: float
    x: int
    y: float
    height: float


def write_report(directory: Path, summary: SummaryFile, registry: Registry | None = None) -> Path:
    """Write report.html into a run's folder, in one step, and return its path.

    Raises:
        SparseHubError: The folder cannot be written.
    """
    path = directory / "report.html"
    write_text(path, render_report(directory, summary, registry or load_registry()))
    return path


def render_report(directory: Path, summary: SummaryFile, registry: Registry) -> str:
    """Return the page; everything that comes from plugins, models or files is escaped."""
    environment = Environment(
        loader=PackageLoader("sparse_hub_core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    headings, rows = summary_table(summary.cells)
    run_file = directory / "run.json"
    return environment.get_template("report.html.j2").render(
        run_id=summary.run_id,
        run=read_json(run_file, RunFile) if run_file.exists() else None,
        headings=headings,
        rows=rows,
        tables=_further_tables(summary.cells),
        notes=notes(summary.cells),
        failures=failures(summary.cells),
        cells=_cells(RunDirectory(directory), summary.cells, registry),
        chart_height=CHART_HEIGHT,
        bar_width=BAR_WIDTH,
    )


def _further_tables(cells: Sequence[CellSummary]) -> list[tuple[str, list[str], list[list[str]]]]:
    tables = [
        ("Winners, as the search measured them on its own requests", *winners(cells)),
        ("Further metrics and groups of questions", *further_scores(cells)),
        ("How alike the rungs of the search rank configurations", *correlations(cells)),
    ]
    return [table for table in tables if table[2]]


def _cells(run: RunDirectory, cells: Sequence[CellSummary], registry: Registry) -> list[dict[str, Any]]:
    shown, folders = [], set()
    for cell in cells:
        folder = run.cell(cell.model, cell.task, cell.preset)
        # Winners of one search share its trials, which are shown with the first of them.
        trials = [] if folder in folders else folder.read_trials()
        folders.add(folder)
        sharing = [one for one in cells if run.cell(one.model, one.task, one.preset) == folder]
        path = run.best(cell).resolve()
        shown.append(
            {
                "row": cell_row(cell),
                "python": as_python(cell.best, path, registry) if cell.best else None,
                "bars": error_bars(cell.validation.error_by_layer) if cell.validation else [],
                "trials": trials,
                "trials_title": trials_title(trials),
                "won": won(trials, sharing),
                "parameters": _parameter_names(trials),
                "measured": _measured(trials),
            }
        )
    return shown


def _measured(trials: Sequence[TrialLine]) -> dict[str, str]:
    """Return the measures that some trial has, and how they are called."""
    return {name: told for name, told in MEASURED.items() if any(getattr(t, name) is not None for t in trials)}


def error_bars(error_by_layer: dict[int, float]) -> list[Bar]:
    """Return a bar per layer, the highest as high as the chart."""
    highest = max(error_by_layer.values(), default=0.0) or 1.0
    bars = []
    for place, (layer, error) in enumerate(sorted(error_by_layer.items())):
        height = round(CHART_HEIGHT * error / highest, 1)
        bars.append(Bar(layer, error, place * BAR_WIDTH, round(CHART_HEIGHT - height, 1), height))
    return bars


def _parameter_names(trials: list[TrialLine]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.parameters))
