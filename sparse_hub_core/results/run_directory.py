"""Where a run keeps its files, and the lock that keeps a second run out."""

from __future__ import annotations

import fcntl
import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from sparse_hub_core.errors import UsageError
from sparse_hub_core.results.files import content_hash, disk_error, read_json, read_lines, write_json
from sparse_hub_core.results.schema import (
    Best,
    CellFile,
    CellSummary,
    NoWinner,
    TrialLine,
    TrialRequestLine,
    ValidationFile,
    ValidationRequestLine,
)

LOCK_PAUSES = (0.05, 0.05, 0.0)
"""Seconds between attempts, as whoever looks whether a run goes on holds its lock for a moment."""


def path_part(name: str) -> str:
    """Return a name as one folder: "/" becomes "__", and a model's path or revision stays readable."""
    safe = name.strip("/").replace("/", "__")
    part = "".join(character if character.isalnum() or character in "._-@" else "-" for character in safe)
    return part if part.strip(".") else f"_{part}"


@dataclass(frozen=True)
class CellDirectory:
    """The files of one cell (model x task x preset)."""

    path: Path

    def target(self, name: str) -> CellDirectory:
        """Return where one of several winners of a search is kept; the only one is kept in the cell itself."""
        return CellDirectory(self.path / name) if name else self

    @property
    def trials(self) -> Path:
        """One line per trial."""
        return self.path / "trials.jsonl"

    @property
    def trial_requests(self) -> Path:
        """One line per request of a trial."""
        return self.path / "trial_requests.jsonl"

    @property
    def best(self) -> Path:
        """The winner."""
        return self.path / "best.json"

    @property
    def no_winner(self) -> Path:
        """Why there is no winner, where the search ended without one."""
        return self.path / "no_winner.json"

    @property
    def requests(self) -> Path:
        """One line per validated request."""
        return self.path / "requests.jsonl"

    @property
    def validation(self) -> Path:
        """The verdict."""
        return self.path / "validation.json"

    @property
    def predictions(self) -> Path:
        """One line per question."""
        return self.path / "predictions.jsonl"

    @property
    def log(self) -> Path:
        """The detailed log of the validation."""
        return self.path / "validation.log"

    @property
    def cell_file(self) -> Path:
        """What identifies the results."""
        return self.path / "cell.json"

    def identity(self) -> str | None:
        """Return what identifies the results, None where there are none."""
        return read_json(self.cell_file, CellFile).identity if self.cell_file.exists() else None

    def open(self, content: dict[str, Any]) -> str:
        """Claim the folder for results that this content identifies, and return the identity.

        Results of another identity are moved aside, never reused and never lost; those of this one come back.
        """
        identity = content_hash(content)
        found = self.identity()
        if found == identity:
            return identity
        if found is not None:
            self.path.rename(_unused(self.path.with_name(f"{self.path.name}.{found[:8]}")))
        earlier = self._aside(identity)
        if earlier is not None and not self.path.exists():
            earlier.rename(self.path)
        else:
            write_json(self.cell_file, CellFile(identity=identity, content=content))
        return identity

    def _aside(self, identity: str) -> Path | None:
        """Return the folder that results of an identity were moved to."""
        folders = sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}.{identity[:8]}*"))
        return next((folder for folder in folders if CellDirectory(folder).identity() == identity), None)

    def found(self, identity: str) -> CellDirectory | None:
        """Return where the results of this identity are, be they moved aside; None where there are none."""
        folder = self.path if self.identity() == identity else self._aside(identity)
        return None if folder is None else CellDirectory(folder)

    def status(self) -> Literal["new", "begun", "searched", "done"]:
        """Return how far the results got."""
        if self.validation.exists():
            return "done"
        # Of several winners each has a folder of its own.
        bests = (*self.path.glob("best.json"), *self.path.glob("*/best.json"))
        winners = [CellDirectory(best.parent) for best in bests]
        if not winners:
            if self.no_winner.exists() or any(self.path.glob("*/no_winner.json")):
                return "done"
            begun = any(path.exists() for path in (self.trials, self.trial_requests, self.requests))
            return "begun" if begun else "new"
        return "done" if all(winner.validation.exists() for winner in winners) else "searched"

    def read_trials(self) -> list[TrialLine]:
        """Return the trials that ended so far."""
        return read_lines(self.trials, TrialLine)

    def read_trial_requests(self) -> list[TrialRequestLine]:
        """Return the requests of all trials, those that were cut off too."""
        return read_lines(self.trial_requests, TrialRequestLine)

    def read_best(self) -> Best | None:
        """Return the winner, if the search ended."""
        return read_json(self.best, Best) if self.best.exists() else None

    def read_outcome(self) -> Best | NoWinner | None:
        """Return the winner, or why there is none; None where the search did not end."""
        return read_json(self.no_winner, NoWinner) if self.no_winner.exists() else self.read_best()

    def read_requests(self) -> dict[str, ValidationRequestLine]:
        """Return the requests validated so far, by id."""
        return {line.request_id: line for line in read_lines(self.requests, ValidationRequestLine)}

    def read_validation(self) -> ValidationFile | None:
        """Return the verdict, if the validation ended."""
        return read_json(self.validation, ValidationFile) if self.validation.exists() else None


def _lock(file: IO[str]) -> bool:
    """Take a lock for this process alone, and return whether nobody else holds one."""
    for pause in LOCK_PAUSES:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(pause)
    return False


def _unused(path: Path) -> Path:
    candidates = [path, *(path.with_name(f"{path.name}.{number}") for number in range(2, 1000))]
    return next(candidate for candidate in candidates if not candidate.exists())


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def summary(self) -> Path:
        """How each cell stands."""
        return self.path / "summary.json"

    @property
    def report(self) -> Path:
        """The page about it."""
        return self.path / "report.html"

    @property
    def run_file(self) -> Path:
        """What was asked, and how it ended."""
        return self.path / "run.json"

    def cell(self, model: str, task: str, preset: str) -> CellDirectory:
        """Return the folder of one cell."""
        return CellDirectory(self.path / path_part(model) / path_part(task) / path_part(preset))

    def best(self, row: CellSummary) -> Path:
        """Return where the winner that a row of the summary tells of is kept."""
        return self.cell(row.model, row.task, row.preset).target(row.target).best

    def is_running(self) -> bool:
        """Return whether a process holds the lock, so that "running" means what it says."""
        lock = self.path / ".lock"
        if not lock.exists():
            return False
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out while the block runs; the lock ends with the process, however it ends.

        Raises:
            UsageError: Another process is running in this folder.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / ".lock").open("a+")
        except OSError as error:
            raise disk_error(self.path, error) from error
        with file:
            if not _lock(file):
                file.seek(0)
                owner = file.read().strip() or "unknown"
                raise UsageError(
                    f"Another run (process {owner}) is writing to {self.path}; "
                    "wait for it, or choose another --output-dir."
                )
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
