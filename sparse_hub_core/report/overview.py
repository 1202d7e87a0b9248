"""What a run is and how far it got, from the few files that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.presets import DENSE
from sparse_hub_core.report.numbers import moment
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.report.verdicts import score_width
from sparse_hub_core.results.files import read_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import RunFile
from sparse_hub_core.results.summary import load_summary

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, Interval


@dataclass(frozen=True)
class Overview:
    """One run."""

    path: Path
    status: str
    """"running" only while a process writes to it; a run that was killed is "interrupted"."""
    started: float | None
    """When its first process began; None where it was begun by a version that did not say so."""
    changed: float
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    presets: tuple[str, ...]
    num_cells: int
    num_done: int
    num_failed: int
    best: tuple[CellSummary, Interval] | None
    """The winner that loses least, or wins most, beside dense attention, and by how much."""

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name


def overview(path: Path) -> Overview:
    """Return what a run's folder says.

    Raises:
        UsageError: A file of it is missing, damaged, or of another version.
    """
    run = RunDirectory(path)
    run_file = read_json(run.run_file, RunFile)
    # A run that was killed before its first cell has no summary.
    cells = load_summary(path).cells if run.summary.exists() else []
    statuses = _by_place(cells)
    return Overview(
        path=path,
        status=status_of(run, run_file),
        started=run_file.started,
        changed=_changed(run),
        models=tuple(dict.fromkeys(cell.model for cell in cells)),
        tasks=tuple(dict.fromkeys(cell.task for cell in cells)),
        presets=tuple(dict.fromkeys(cell.preset for cell in cells if cell.preset != DENSE)),
        num_cells=len(statuses),
        num_done=sum(found <= {"done", "searched"} for found in statuses),
        num_failed=sum("failed" in found for found in statuses),
        best=_best(cells),
    )


def status_of(run: RunDirectory, run_file: RunFile) -> str:
    """Return how a run stands; what its file says of it may be left from a process that was killed."""
    if run.is_running():
        return "running"
    return "interrupted" if run_file.status == "running" else run_file.status


def is_run(path: Path) -> bool:
    """Return whether a folder holds a run, be it damaged."""
    run = RunDirectory(path)
    return run.run_file.is_file() or run.summary.is_file()


def _by_place(cells: Sequence[CellSummary]) -> list[set[str]]:
    """Return the statuses of each cell, which may have several winners."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for cell in cells:
        found.setdefault(cell.place, set()).add(cell.status)
    return list(found.values())


def _changed(run: RunDirectory) -> float:
    files = [run.run_file, run.summary, *run.path.glob("*/*/*/*.jsonl"), *run.path.glob("*/*/*/*/*.jsonl")]
    return max(file.stat().st_mtime for file in files if file.exists())


def _best(cells: Sequence[CellSummary]) -> tuple[CellSummary, Interval] | None:
    """Return the best difference; of tasks with other scales, as a share of the scale."""
    found = []
    for cell in cells:
        judged = cell.validation
        if judged is not None and judged.difference is not None:
            gain = judged.difference.mean if judged.higher_is_better else -judged.difference.mean
            found.append((gain / (score_width(judged) or 1.0), cell_label(cell), cell, judged.difference))
    if not found:
        return None
    _, _, cell, difference = max(found, key=lambda one: one[:2])
    return cell, difference


def state_sentence(seen: Overview) -> str:
    """Return how far a run is that is not done; empty where it is."""
    if seen.status == "done":
        return ""
    failed = f", {seen.num_failed} failed" if seen.num_failed else ""
    told = f"{seen.status.capitalize()}: {seen.num_done} of {seen.num_cells} cells done{failed}"
    ending = {
        "running": f"; last change {moment(seen.changed)}",
        "interrupted": "; the same command again goes on and repeats nothing",
    }
    return f"{told}{ending.get(seen.status, '')}."
