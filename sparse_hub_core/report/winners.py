"""What the search measured of each winner, on the requests that it searched on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.report.numbers import NOTHING
from sparse_hub_core.report.rows import cell_label, is_telling

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import Best, CellSummary

PLACE = ["winner", "task", "model"]
MEASURED = ["objective", "error", "density", "I/O density", "score", "measured at"]


def winners(cells: Sequence[CellSummary]) -> tuple[list[str], list[list[str]]]:
    """Return headings and a row for each winner; columns that tell nothing are left out."""
    rows = [[cell_label(cell), cell.task, cell.model, *_measured(cell.best)] for cell in cells if cell.best is not None]
    headings = [*PLACE, *MEASURED]
    telling = [i for i, heading in enumerate(headings) if is_telling(heading, [row[i] for row in rows])]
    return [headings[i] for i in telling], [[row[i] for i in telling] for row in rows]


def _measured(best: Best) -> list[str]:
    return [
        f"{best.objective:.4g} ({best.objective_name})",
        f"{best.error:.4g}",
        f"{best.density:.2%}",
        NOTHING if best.io_density is None else f"{best.io_density:.2%}",
        NOTHING if best.score is None else f"{best.score:.4g}",
        best.fidelity,
    ]
