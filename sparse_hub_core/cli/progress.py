"""What is shown while a run goes on: a live display on a terminal, else plain lines; on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sparse_hub_core.progress import Progress
from sparse_hub_core.search.budget import Budget

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from sparse_hub_core.results.schema import TrialLine

PLAIN_STEPS = 10
"""Plain output says so many times how far the run is."""
NO_BUDGET = Budget()


@contextmanager
def watch(budget: Budget = NO_BUDGET) -> Iterator[Progress]:
    """Yield what to tell about the run that happens in the block."""
    if not sys.stderr.isatty():
        yield PlainProgress(budget)
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn("{task.fields[stage]}", markup=False),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.TaskProgressColumn(),
        rich_progress.TextColumn("{task.fields[trials]}", markup=False),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("left"),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(file=sys.stderr), transient=True) as display:
        yield LiveProgress(display)


def trial_counts(counts: Counter[str]) -> str:
    """Return "8 ok, 2 pruned", or nothing when no trial has ended."""
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def trial_sentence(line: TrialLine, number: int, total: int, budget: Budget = NO_BUDGET) -> str:
    """Return how one trial ended, or why a proposal was never tried."""
    if line.status == "infeasible":
        return f"not tried: {line.reason or 'infeasible'}"
    parts = [f"{line.fidelity} trial {number}/{total}", line.status]
    if line.objective is not None:
        parts.append(f"objective {line.objective:.4g}")
    if line.error is not None and line.density is not None:
        io_density = "" if line.io_density is None else f", I/O density {line.io_density:.1%}"
        parts.append(f"error {line.error:.4g}, density {line.density:.1%}{io_density}")
    if line.measures is not None and budget.excess(line.measures):
        parts.append("over the budget")
    if line.kl is not None:
        parts.append(f"KL {line.kl:.4g}")
    if line.score is not None:
        parts.append(f"score {line.score:.4g}")
    if line.reason:
        parts.append(line.reason)
    return f"{': '.join(parts[:2])}, {'; '.join(parts[2:])}" if parts[2:] else ": ".join(parts)


class PlainProgress(Progress):
    """Writes a line per event, each with the time since the start."""

    def __init__(self, budget: Budget = NO_BUDGET) -> None:
        self.budget = budget
        self.not_tried: Counter[str] = Counter()
        """Proposals that were not tried, by what was said of the first."""
        self.started = self.since = time.monotonic()
        self.total = 0
        self.done = 0
        self.told = 0

    def begin(self, steps: int) -> None:
        """Note the number of requests to evaluate."""
        self.total = steps

    def expect(self, more: int) -> None:
        """Change the number of requests to evaluate."""
        self.total += more

    def stage(self, title: str) -> None:
        """Write what is being done."""
        self._write_repeated()
        if not self.done:
            # Loading a model says nothing of how long requests take.
            self.since = time.monotonic()
        self._write(title)

    def advance(self, steps: int = 1) -> None:
        """Write how far the run is, a few times in all."""
        self.done += steps
        if self.total <= 0:
            return
        done = min(self.done, self.total)
        if done * PLAIN_STEPS // self.total <= self.told:
            return
        self.told, share = done * PLAIN_STEPS // self.total, done / self.total
        elapsed = time.monotonic() - self.since
        self._write(f"{share:.0%} done, about {clock(elapsed * (1 - share) / share)} left")

    def end(self) -> None:
        """Write that the run is done, however many requests were expected."""
        self._write_repeated()
        self.total = self.done
        self.advance(0)

    def trial(self, line: TrialLine, number: int, total: int) -> None:
        """Write how a trial ended; of proposals that are not tried for the same reason, the first."""
        sentence = trial_sentence(line, number, total, self.budget)
        if line.status == "infeasible":
            self.not_tried[sentence] += 1
        if self.not_tried[sentence] <= 1:
            self._write("  " + sentence)

    def note(self, sentence: str) -> None:
        """Write a sentence."""
        self._write(f"Note: {sentence}")

    def _write_repeated(self) -> None:
        for sentence, times in self.not_tried.items():
            if times > 1:
                self._write(f"  {sentence} ({times} proposals in all)")
        self.not_tried.clear()

    def _write(self, sentence: str) -> None:
        sys.stderr.write(f"[{clock(time.monotonic() - self.started)}] {sentence}\n")
        sys.stderr.flush()


class LiveProgress(Progress):
    """Moves a rich progress bar."""

    def __init__(self, display: RichProgress) -> None:
        self.display = display
        self.counts: Counter[str] = Counter()
        self.total = 0
        self.task: TaskID = display.add_task("", total=None, stage="starting", trials="")

    def begin(self, steps: int) -> None:
        """Set the number of requests to evaluate."""
        self.total = steps
        self.display.update(self.task, total=steps)

    def expect(self, more: int) -> None:
        """Change the number of requests to evaluate."""
        self.begin(self.total + more)

    def stage(self, title: str) -> None:
        """Show what is being done."""
        self.counts.clear()
        self.display.update(self.task, stage=title, trials="")

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self.display.advance(self.task, steps)

    def end(self) -> None:
        """Fill the bar, however many requests were expected."""
        self.begin(round(self.display.tasks[self.task].completed))

    def trial(self, line: TrialLine, number: int, total: int) -> None:
        """Count the trial by its status; say more of one that failed."""
        self.counts[line.status] += 1
        trials = f"{line.fidelity} trial {number}/{total}: {trial_counts(self.counts)}"
        self.display.update(self.task, trials=trials)
        if line.status in ("error", "oom", "timeout"):
            self.display.console.print(trial_sentence(line, number, total), markup=False, highlight=False)

    def note(self, sentence: str) -> None:
        """Show a sentence above the bar."""
        self.display.console.print(f"Note: {sentence}", markup=False, highlight=False)


def clock(seconds: float) -> str:
    """Return seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
