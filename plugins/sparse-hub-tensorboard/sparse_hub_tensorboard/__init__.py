"""TensorBoard as a sparse-hub plugin; what it needs is imported once a run has something to write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core import hookimpl

if TYPE_CHECKING:
    from sparse_hub_core import CellPlace, CellSummary, TrialLine


@hookimpl
def trial_finished(cell: CellPlace, trial: TrialLine, index: int, number: int) -> None:
    """Write a trial, so that TensorBoard follows the search."""
    from sparse_hub_tensorboard.cells import write_trial

    write_trial(cell, trial, index, number)


@hookimpl
def cell_finished(cell: CellPlace, rows: Sequence[CellSummary]) -> None:
    """Write the cell's validation, and what was missed of its trials."""
    from sparse_hub_tensorboard.cells import write_cell

    write_cell(cell, rows)
