"""What is shown while a run goes on: a live display on a terminal, else plain lines; on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from sparse_hub_core.progress import Progress
    from sparse_hub_core.results.schema import TrialLine

PLAIN_STEPS = 10
"""Plain output says so many times how far the run is."""


@contextmanager
def watch() -> Iterator[Progress]:
    """Yield what to tell about the run that happens in the block."""
    if not sys.stderr.isatty():
        yield PlainProgress()
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


def trial_sentence(line: TrialLine, number: int, total: int) -> str:
    """Return how one trial ended."""
    parts = [f"trial {number}/{total}", line.status]
    if line.objective is not None:
        parts.append(f"objective {line.objective:.4g}")
    if line.error is not None and line.density is not None:
        parts.append(f"error {line.error:.4g}, density {line.density:.1%}")
    if line.reason:
        parts.append(line.reason)
    return f"{': '.join(parts[:2])}, {'; '.join(parts[2:])}" if parts[2:] else ": ".join(parts)


class PlainProgress:
    """Writes a line per event, each with the time since the start."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.total = 0
        self.done = 0
        self.counts: Counter[str] = Counter()

    def begin(self, steps: int) -> None:
        """Note the number of requests to evaluate."""
        self.total = steps

    def stage(self, title: str) -> None:
        """Write what is being done."""
        self.counts.clear()
        self._write(title)

    def advance(self, steps: int = 1) -> None:
        """Write how far the run is, a few times in all."""
        before = self.done
        self.done += steps
        if not self.total or self.done * PLAIN_STEPS // self.total == before * PLAIN_STEPS // self.total:
            return
        elapsed = time.monotonic() - self.started
        left = elapsed / self.done * max(0, self.total - self.done)
        self._write(f"{min(1.0, self.done / self.total):.0%} done, about {clock(left)} left")

    def trial(self, line: TrialLine, number: int, total: int) -> None:
        """Write how a trial ended."""
        self.counts[line.status] += 1
        self._write("  " + trial_sentence(line, number, total))

    def note(self, sentence: str) -> None:
        """Write a sentence."""
        self._write(f"Note: {sentence}")

    def _write(self, sentence: str) -> None:
        sys.stderr.write(f"[{clock(time.monotonic() - self.started)}] {sentence}\n")
        sys.stderr.flush()


class LiveProgress:
    """Moves a rich progress bar."""

    def __init__(self, display: RichProgress) -> None:
        self.display = display
        self.counts: Counter[str] = Counter()
        self.task: TaskID = display.add_task("", total=None, stage="starting", trials="")

    def begin(self, steps: int) -> None:
        """Set the number of requests to evaluate."""
        self.display.update(self.task, total=steps)

    def stage(self, title: str) -> None:
        """Show what is being done."""
        self.counts.clear()
        self.display.update(self.task, stage=title, trials="")

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self.display.advance(self.task, steps)

    def trial(self, line: TrialLine, number: int, total: int) -> None:
        """Count the trial by its status; say more of one that failed."""
        self.counts[line.status] += 1
        trials = f"trial {number}/{total}: {trial_counts(self.counts)}"
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
