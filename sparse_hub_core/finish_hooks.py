"""Tell plugins which trials and cells finished, and keep a run safe from what their hooks raise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse_hub_core.errors import UsageError
from sparse_hub_core.plugins import are_errors_raised, error_in_one_line
from sparse_hub_core.progress import Progress
from sparse_hub_core.registry import FinishHook
from sparse_hub_core.results.run_directory import CellDirectory, RunDirectory
from sparse_hub_core.results.schema import CellSummary, TrialLine


@dataclass(frozen=True)
class CellPlace:
    """The cell that a hook is told of, and where its files are."""

    model: str
    task: str
    preset: str
    run: Path
    """The run's folder."""
    folder: Path
    """The cell's folder within it."""
    identity: str
    """A digest of all that changes the results in the folder; empty where it holds none.

    A cell that failed before its folder was opened comes with that of the results that are still there. Results
    of another identity are moved aside, so what a plugin keeps of a cell should be kept apart by it too.
    """

    def trials(self) -> list[TrialLine]:
        """Return all trials of the cell that ended so far, in order, those of earlier processes included."""
        return CellDirectory(self.folder).read_trials()


class FinishHooks(Progress):
    """Calls the hooks of plugins; one that raises is told of once, and not called again in this run."""

    def __init__(self, hooks: Sequence[FinishHook], run: RunDirectory, note: Callable[[str], None]) -> None:
        self.hooks = list(hooks)
        self.run = RunDirectory(run.path.absolute())
        self.note_failure = note
        self.running = ("", "", "")
        self.known: CellPlace | None = None

    def cell(self, rows: Sequence[CellSummary]) -> None:
        """Remember the cell that begins, and tell of one that ended."""
        if rows[0].status == "waiting":
            return
        if rows[0].status == "running":
            # Its folder is opened after this, and may be exchanged for another one then.
            self.running, self.known = rows[0].place, None
            return
        self._call("cell_finished", rows=tuple(rows))

    def trial(self, line: TrialLine, index: int, number: int, total: int) -> None:
        """Tell of a trial that ended."""
        self._call("trial_finished", trial=line, index=index, number=number)

    def _call(self, name: str, **told: Any) -> None:
        for hook in [hook for hook in self.hooks if hook.name == name]:
            self.known = self.known or self._place()
            try:
                hook.call(cell=self.known, **told)
            except (Exception, SystemExit) as error:
                # A plugin may raise anything, and neither the run nor other plugins may suffer from it.
                if are_errors_raised():
                    raise
                self.hooks.remove(hook)
                origin = f"{hook.provenance.plugin!r} of {hook.provenance.distribution} {hook.provenance.version}"
                told_error = error_in_one_line(error)
                self.note_failure(
                    f"The plugin {origin} failed in {name}, which is not called again in this run: {told_error}"
                )

    def _place(self) -> CellPlace:
        folder, identity = self.run.cell(*self.running).path, ""
        # A file that is not there or damaged is why the cell failed, which its row tells.
        with suppress(UsageError):
            identity = CellDirectory(folder).identity() or ""
        return CellPlace(*self.running, self.run.path, folder, identity)
