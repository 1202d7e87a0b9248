"""summary.json: written anew whenever a cell begins or ends, so that a run can be looked at while it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sparse_hub_core.errors import UsageError
from sparse_hub_core.presets import DENSE
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.files import content_hash, read_json, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import CellSummary, SummaryFile, TrialLine

STANDS = {"waiting": ("done", "searched"), "running": ("done",)}
"""What a row that says so does not replace."""


class SummaryWriter(Progress):
    """Keeps the summary of a run on the disk, with the rows that earlier runs of these settings left there."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.cells = read_json(run.summary, SummaryFile).cells if run.summary.exists() else []

    @property
    def summary(self) -> SummaryFile:
        """What is known of all cells."""
        return SummaryFile(run_id=self.run.run_id, cells=self.cells)

    def cell(self, rows: Sequence[CellSummary]) -> None:
        """Write down how a cell stands; what is done stands until it ends again, what was searched until it runs."""
        before = [cell for cell in self.cells if cell.place == rows[0].place]
        if any(cell.status in STANDS.get(rows[0].status, ()) for cell in before):
            return
        index = self.cells.index(before[0]) if before else len(self.cells)
        others = [cell for cell in self.cells if cell.place != rows[0].place]
        self.cells = _by_task([*others[:index], *rows, *others[index:]])
        write_json(self.run.summary, self.summary)


def _by_task(cells: Sequence[CellSummary]) -> list[CellSummary]:
    """Return the rows of each model and task together, dense attention first, as the others are judged by it."""
    tasks = list(dict.fromkeys((cell.model, cell.task) for cell in cells))
    return sorted(cells, key=lambda cell: (tasks.index((cell.model, cell.task)), cell.preset != DENSE))


def load_summary(path: Path) -> SummaryFile:
    """Return the summary of a run's folder; of cells that are running, with the trials that ended so far.

    Raises:
        UsageError: It holds no run, or one of another version.
    """
    run = RunDirectory(path if path.is_dir() else path.parent)
    if not run.summary.exists() and run.run_file.exists():
        raise UsageError(
            f"{path} holds no result yet, as no cell of this run has begun; its own command again goes on with it."
        )
    if not run.summary.exists():
        raise UsageError(f"{path} holds no summary.json; name the folder of a run, such as runs/run-0123456789.")
    summary = read_json(run.summary, SummaryFile)
    return summary.model_copy(update={"cells": [_now(run, cell) for cell in summary.cells]})


def _now(run: RunDirectory, cell: CellSummary) -> CellSummary:
    if cell.status != "running":
        return cell
    trials = run.cell(cell.model, cell.task, cell.preset).read_trials()
    return cell.model_copy(update=trial_counts(trials))


def trial_counts(trials: Sequence[TrialLine]) -> dict[str, dict[str, int]]:
    """Return how many configurations ended how, and how many ran at each fidelity, as fields of a ``CellSummary``."""
    # A configuration has a line for each fidelity, of which the last says how it ended.
    ended = {content_hash(line.parameters): line.status for line in trials}
    fidelities = Counter(str(line.fidelity) for line in trials if line.status != "infeasible")
    return {"trials": dict(Counter(ended.values())), "fidelities": dict(fidelities)}
