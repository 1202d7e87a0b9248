"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, TrialLine


class Progress:
    """Is told of every step of a run, in the order in which they happen; this one says nothing.

    Work is counted in requests that generate; one at a cheaper fidelity is a part of one.
    """

    def begin(self, work: float) -> None:
        """A run starts, with about so much to do in all cells and stages."""

    def cell(self, rows: Sequence[CellSummary]) -> None:
        """A cell is to run, begins, or ended: its rows of the summary, one for each winner of its search."""

    def stage(self, title: str) -> None:
        """Something else is being done now, such as "search demo, ruler/vt, local_sink"."""

    def expect(self, more: float) -> None:
        """There is so much more to do than was said at first; less, where it is negative."""

    def advance(self, work: float = 1) -> None:
        """So much was done."""

    def skip(self, work: float) -> None:
        """So much need not be done: an earlier process did it, or a trial ended before it."""

    def end(self) -> None:
        """All cells have run, whatever was expected."""

    def trial(self, line: TrialLine, index: int, number: int, total: int) -> None:
        """A trial of the cell that began last ended.

        Args:
            line: How.
            index: Which line of trials.jsonl says so, from 1 on.
            number: Which one it is at its fidelity, from 1 on; infeasible ones do not count.
            total: How many are expected there.
        """

    def note(self, sentence: str) -> None:
        """Something the user should know."""


class Several(Progress):
    """Tells several watchers the same, in order."""

    def __init__(self, *watchers: Progress) -> None:
        self.watchers = watchers

    def begin(self, work: float) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.begin(work)

    def cell(self, rows: Sequence[CellSummary]) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.cell(rows)

    def stage(self, title: str) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.stage(title)

    def expect(self, more: float) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.expect(more)

    def advance(self, work: float = 1) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.advance(work)

    def skip(self, work: float) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.skip(work)

    def end(self) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.end()

    def trial(self, line: TrialLine, index: int, number: int, total: int) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.trial(line, index, number, total)

    def note(self, sentence: str) -> None:
        """Pass it on."""
        for watcher in self.watchers:
            watcher.note(sentence)
