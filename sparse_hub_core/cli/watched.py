"""What is known of a run that goes on, from what it told; plain lines and the live view are made of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from sparse_hub_core.fidelity import FIDELITIES
from sparse_hub_core.progress import Progress
from sparse_hub_core.search.budget import Budget

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, Status, TrialLine

Place: TypeAlias = tuple[str, str, str]
"""Model, task and preset of a cell."""
FAILED = ("timeout", "oom", "error")
"""How a trial ends that broke; one that is infeasible was never tried."""
NO_BUDGET = Budget()
LEAST = 0.5
"""The share of a process's work after which it says how long the rest takes: rungs differ too much in what a part of
the work costs for less to tell, and then it says no more than has passed."""
ALIKE = 2.0
"""By so much the pace of the present stage may differ from that of all; else neither says much of the rest."""


@dataclass(frozen=True)
class Searched:
    """The trials of the cell that runs."""

    budget: Budget = NO_BUDGET
    rungs: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Of each fidelity, how many of how many trials ended."""
    counts: Mapping[Status, int] = field(default_factory=dict)
    """Trials by status."""
    num_over: int = 0
    """So many that ended well read more than the budget allows."""
    best: tuple[int, TrialLine] | None = None
    """The lowest objective within the budget at the highest fidelity so far, and the number of its trial."""

    def after(self, line: TrialLine, index: int, number: int, total: int) -> Searched:
        """Return what is known when one more trial ended."""
        rungs = self.rungs if line.status == "infeasible" else {**self.rungs, line.fidelity: (number, total)}
        counts = {**self.counts, line.status: self.counts.get(line.status, 0) + 1}
        is_over = line.status == "ok" and is_over_budget(line, self.budget)
        best = (index, line) if self._is_new_best(line) else self.best
        return replace(self, rungs=rungs, counts=counts, num_over=self.num_over + is_over, best=best)

    def _is_new_best(self, line: TrialLine) -> bool:
        if line.status != "ok" or line.objective is None or is_over_budget(line, self.budget):
            return False
        if self.best is None or self.best[1].objective is None:
            return True
        # What a cheaper fidelity says of the objective is no match for what a later one says.
        heights = [FIDELITIES.index(one.fidelity) for one in (line, self.best[1])]
        return (-heights[0], line.objective) < (-heights[1], self.best[1].objective)


def is_over_budget(line: TrialLine, budget: Budget) -> bool:
    """Return whether a trial read more than is allowed, so that it cannot win."""
    return line.measures is not None and budget.excess(line.measures) > 0


@dataclass(frozen=True)
class Watched:
    """How far a run is."""

    started: float
    """When, on the clock that all times here are of."""
    searched: Searched = Searched()
    total: float = 0
    """The work there is, as far as is known; what need not be done is part of it."""
    done: float = 0
    skipped: float = 0
    """What need not be done: an earlier process did it, or a trial ended early."""
    since: float | None = None
    """When the first work began."""
    stage_since: float | None = None
    stage_done: float = 0
    """When the present stage began, and what was done before."""
    title: str = ""
    """What is being done now."""
    place: Place | None = None
    """The cell that runs."""
    cells: Mapping[Place, str] = field(default_factory=dict)
    """The status of each cell, in the order in which they run."""

    def at_cell(self, rows: Sequence[CellSummary]) -> Watched:
        """Return what is known when a cell is to run, begins, or ended."""
        place, statuses = rows[0].place, {row.status for row in rows}
        cells = {**self.cells, place: "failed" if "failed" in statuses else rows[0].status}
        if statuses == {"running"}:
            return replace(self, cells=cells, place=place, searched=Searched(self.searched.budget))
        return replace(self, cells=cells)

    def at_stage(self, title: str, now: float) -> Watched:
        """Return what is known when something else is being done."""
        # Loading a model says nothing of how long requests take.
        since = self.since if self.done else now
        return replace(self, title=title, since=since, stage_since=now, stage_done=self.done)

    def further(self, done: float = 0, skipped: float = 0) -> Watched:
        """Return what is known when so much more was done, or need not be."""
        return replace(self, done=self.done + done, skipped=self.skipped + skipped)

    def ended(self) -> Watched:
        """Return what is known when nothing is left to do, whatever was expected."""
        return replace(self, total=self.done + self.skipped)

    @property
    def share(self) -> float:
        """The share of the work that is done or need not be."""
        return min(1.0, (self.done + self.skipped) / self.total) if self.total > 0 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Return about how long the rest takes, at the pace of what was done; None where that says too little of it.

        It does where little was done, where most cells are still to come, whose presets may take many times as long,
        and where the present stage goes at quite another pace.
        """
        done_now = self.done - self.stage_done
        if not done_now or self.done < LEAST * (self.total - self.skipped) or self._most_cells_wait():
            return None
        begun = self.started if self.since is None else self.since
        pace = (now - begun) / self.done
        pace_now = (now - (begun if self.stage_since is None else self.stage_since)) / done_now
        if not pace / ALIKE <= pace_now <= pace * ALIKE:
            return None
        return pace * max(0, self.total - self.done - self.skipped)

    def _most_cells_wait(self) -> bool:
        waiting = self.count("waiting")
        return waiting > 0 and waiting >= self.count("done", "searched", "failed")

    def count(self, *statuses: str) -> int:
        """Return how many cells have one of some statuses."""
        return sum(status in statuses for status in self.cells.values())


class Watching(Progress):
    """Keeps what is known of the run; what is shown of it is up to those who build on this."""

    def __init__(self, budget: Budget = NO_BUDGET) -> None:
        self.watched = Watched(time.monotonic(), Searched(budget))

    def begin(self, work: float) -> None:
        """Note how much there is to do."""
        self.watched = replace(self.watched, total=work)

    def expect(self, more: float) -> None:
        """Change how much there is to do."""
        self.watched = replace(self.watched, total=self.watched.total + more)

    def cell(self, rows: Sequence[CellSummary]) -> None:
        """Note how a cell stands."""
        self.watched = self.watched.at_cell(rows)

    def stage(self, title: str) -> None:
        """Note what is being done."""
        self.watched = self.watched.at_stage(title, time.monotonic())

    def advance(self, work: float = 1) -> None:
        """Note that so much is done."""
        self.watched = self.watched.further(done=work)

    def skip(self, work: float) -> None:
        """Note that so much need not be done."""
        self.watched = self.watched.further(skipped=work)

    def end(self) -> None:
        """Note that all is done, however much was expected."""
        self.watched = self.watched.ended()
