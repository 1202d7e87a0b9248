"""What is shown of a run where no terminal is: a line per event, fit for a log."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.cli.told import best_sentence, cell_sentences, clock, trial_sentence, trials_sentence
from sparse_hub_core.cli.watched import FAILED, NO_BUDGET, Searched, Watching
from sparse_hub_core.search.budget import Budget
from sparse_hub_core.wording import one_line

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, TrialLine

STEPS = 10
"""So many times it is said how far the run is."""
MAX_TRIALS = 20
"""About so many trials of a rung have a line, evenly spread; new bests and failures have one besides."""


class PlainProgress(Watching):
    """Writes a line per event, each with the time since the start; on standard error."""

    def __init__(self, budget: Budget = NO_BUDGET) -> None:
        super().__init__(budget)
        self.rung = Searched(budget)
        """What is known of the trials since something else was being done."""
        self.repeated: Counter[str] = Counter()
        """Failures and proposals that were not tried, by what is said of the first."""
        self.num_left_out = 0
        """Trials of the rung that have no line."""
        self.told = 0

    def cell(self, rows: Sequence[CellSummary]) -> None:
        """Write how a cell ended."""
        super().cell(rows)
        for sentence in cell_sentences(rows):
            self._end_rung()
            self._write(sentence)

    def stage(self, title: str) -> None:
        """Write what is being done."""
        self._end_rung()
        super().stage(title)
        self._write(title)

    def advance(self, work: float = 1) -> None:
        """Write how far the run is, a few times in all."""
        super().advance(work)
        self._tell_share()

    def skip(self, work: float) -> None:
        """Write how far the run is, a few times in all."""
        super().skip(work)
        self._tell_share()

    def end(self) -> None:
        """Write that the run is done, however many requests were expected."""
        self._end_rung()
        super().end()
        self._tell_share()

    def trial(self, line: TrialLine, index: int, number: int, total: int) -> None:
        """Write how a trial ended: all where they are few, else some, each new best, and each failure of its kind."""
        best = self.rung.best
        self.rung = self.rung.after(line, index, number, total)
        sentence = trial_sentence(line, index, number, total, self.rung.budget)
        if line.status == "infeasible" or line.status in FAILED:
            kind = sentence if line.status == "infeasible" else f"{line.status}: {line.reason or 'no reason was given'}"
            self.repeated[kind] += 1
            is_told = self.repeated[kind] == 1
        else:
            is_told = self.rung.best is not best or number % math.ceil(total / MAX_TRIALS) == 0
        if is_told:
            self._write("  " + sentence)
        else:
            self.num_left_out += line.status not in ("infeasible", *FAILED)

    def note(self, sentence: str) -> None:
        """Write a sentence."""
        self._write(f"Note: {sentence}")

    def _tell_share(self) -> None:
        watched = self.watched
        if int(watched.share * STEPS) <= self.told:
            return
        self.told = int(watched.share * STEPS)
        left = watched.seconds_left(time.monotonic())
        self._write(f"{watched.share:.0%} done" + ("" if left is None else f", about {clock(left)} left"))

    def _end_rung(self) -> None:
        """Write what the lines of a rung left out."""
        for sentence, times in self.repeated.items():
            if times > 1:
                self._write(f"  {sentence} ({times} in all)")
        if self.num_left_out:
            best = f"; best {best_sentence(self.rung.best)}" if self.rung.best else ""
            self._write(f"  in all {trials_sentence(self.rung.counts, self.rung.num_over)}{best}")
        self.repeated.clear()
        self.num_left_out = 0
        self.rung = Searched(self.rung.budget)

    def _write(self, sentence: str) -> None:
        sys.stderr.write(f"[{clock(time.monotonic() - self.watched.started)}] {one_line(sentence)}\n")
        sys.stderr.flush()
