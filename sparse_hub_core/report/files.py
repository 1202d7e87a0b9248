"""What the page needs of a run's folder; what is missing or damaged becomes a sentence instead of an error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sparse_hub_core.errors import UsageError
from sparse_hub_core.report.overview import status_of
from sparse_hub_core.results.files import read_json, read_lines
from sparse_hub_core.results.run_directory import CellDirectory, RunDirectory
from sparse_hub_core.results.schema import PredictionLine, RunFile, TrialLine, ValidationRequestLine
from sparse_hub_core.spec import Spec

if TYPE_CHECKING:
    from pathlib import Path

    from sparse_hub_core.results.schema import CellSummary, SummaryFile

FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class CellFiles:
    """A row of the summary, and what was answered in its validation."""

    cell: CellSummary
    best_path: Path | None
    """Where its winner is kept; None where it is kept elsewhere, as a winner that was only judged here."""
    predictions: tuple[PredictionLine, ...]
    requests: tuple[ValidationRequestLine, ...]


@dataclass(frozen=True)
class TaskFiles:
    """All rows of one model and task."""

    model: str
    task: str
    cells: tuple[CellFiles, ...]


@dataclass(frozen=True)
class SearchFiles:
    """The trials of one search, and the rows of the summary that tell of its winners."""

    model: str
    task: str
    preset: str
    cells: tuple[CellSummary, ...]
    trials: tuple[TrialLine, ...]


@dataclass(frozen=True)
class RunFiles:
    """A run as far as it got."""

    run_id: str
    run: RunFile | None
    status: str
    """How it stands; a run that was killed is "interrupted", whatever its file says."""
    spec: Spec | None
    tasks: tuple[TaskFiles, ...]
    searches: tuple[SearchFiles, ...]
    problems: tuple[str, ...]
    """A sentence for each file that is missing or damaged."""

    @property
    def cells(self) -> list[CellSummary]:
        """All rows of the summary, by task."""
        return [files.cell for task in self.tasks for files in task.cells]


def read_run(directory: Path, summary: SummaryFile) -> RunFiles:
    """Read what the page shows; it never fails on a folder that is only partly filled."""
    reader = _Reader(summary.run_id)
    folder = RunDirectory(directory)
    path = folder.run_file
    run = reader.read(lambda: read_json(path, RunFile)) if path.exists() else None
    if run is None and not path.exists():
        reader.problems.append(f"{path} is missing, so settings, versions and hardware are not known.")
    spec = None if run is None else reader.read(lambda: spec_of(run))
    return RunFiles(
        run_id=summary.run_id,
        run=run,
        status=_status(folder, run),
        spec=spec,
        tasks=tuple(
            TaskFiles(model, task, tuple(reader.cell(folder, cell) for cell in cells))
            for (model, task), cells in _grouped(summary.cells, lambda cell: (cell.model, cell.task))
        ),
        searches=tuple(reader.searches(folder, summary.cells)),
        problems=tuple(dict.fromkeys(reader.problems)),
    )


def is_validation(run_id: str) -> bool:
    """Return whether a folder holds a winner that was judged again, by ``sparse-hub validate``."""
    return run_id.startswith("validate-")


def _status(folder: RunDirectory, run: RunFile | None) -> str:
    if run is None:
        return "unknown"
    # The file is right about a run that ended: its process may still hold the folder while it writes the page.
    return status_of(folder, run) if run.status == "running" else run.status


def spec_of(run: RunFile) -> Spec:
    """Return the settings of a run.

    Raises:
        UsageError: They are those of another version.
    """
    import json

    from pydantic import ValidationError

    try:
        return Spec.model_validate_json(json.dumps(run.spec))
    except ValidationError as error:
        detail = error.errors()[0]
        path = ".".join(str(part) for part in detail["loc"])
        raise UsageError(
            f"The settings in run.json are those of another version of sparse-hub: {path}: {detail['msg'].lower()}."
        ) from error


class _Reader:
    """Reads files, and keeps a sentence for each that cannot be read."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.problems: list[str] = []

    def read(self, load: Callable[[], FoundT]) -> FoundT | None:
        """Return what is read, or None where it cannot be; lines that were cut off are told of, too."""
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = load()
        except UsageError as error:
            self.problems.append(str(error))
            return None
        except OSError as error:
            self.problems.append(f"{error.filename} cannot be read: {error.strerror}.")
            return None
        self.problems += [str(warning.message) for warning in caught]
        return found

    def cell(self, run: RunDirectory, cell: CellSummary) -> CellFiles:
        folder = run.cell(cell.model, cell.task, cell.preset).target(cell.target)
        predictions = self.read(lambda: read_lines(folder.predictions, PredictionLine)) or []
        requests = self.read(lambda: read_lines(folder.requests, ValidationRequestLine)) or []
        if cell.validation is not None and not predictions:
            self.problems.append(f"{folder.predictions} is missing or empty, so its answers are not shown.")
        best = run.best(cell)
        return CellFiles(cell, best.resolve() if best.exists() else None, tuple(predictions), tuple(requests))

    def searches(self, run: RunDirectory, cells: Sequence[CellSummary]) -> list[SearchFiles]:
        found = []
        for place, of_search in _grouped(cells, lambda cell: (cell.model, cell.task, cell.preset)):
            trials = self._trials(run.cell(*place), is_expected=any(cell.best is not None for cell in of_search))
            if trials:
                found.append(SearchFiles(*place, tuple(of_search), tuple(trials)))
        return found

    def _trials(self, folder: CellDirectory, is_expected: bool) -> list[TrialLine]:
        trials = self.read(folder.read_trials) or []
        # What is judged again was searched elsewhere.
        if is_expected and not trials and not is_validation(self.run_id):
            self.problems.append(f"{folder.trials} is missing or empty, so its search is not shown.")
        return trials


KeyT = TypeVar("KeyT")


def _grouped(cells: Sequence[CellSummary], key: Callable[[CellSummary], KeyT]) -> list[tuple[KeyT, list[CellSummary]]]:
    groups: dict[KeyT, list[CellSummary]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return list(groups.items())
