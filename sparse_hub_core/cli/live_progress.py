"""What is shown of a run on a terminal: a few lines at its end that stay up to date, what happened above them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from sparse_hub_core.cli.told import (
    best_sentence,
    cell_sentences,
    clock,
    rungs_sentence,
    trial_sentence,
    trials_sentence,
)
from sparse_hub_core.cli.watched import FAILED, NO_BUDGET, Watched, Watching
from sparse_hub_core.search.budget import Budget
from sparse_hub_core.wording import one_line

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, TrialLine

PER_SECOND = 4
BAR = 24
LABEL = 7
"""The width of what stands before each line."""


def frame(watched: Watched, now: float, width: int) -> list[Text]:
    """Return the lines that say how a run stands, none wider than the terminal."""
    lines = [_line("Cells", _cells(watched))] if watched.cells else []
    if watched.place is not None:
        lines.append(_line("Now", ", ".join(watched.place)))
    lines.append(_line("Stage", _stage(watched)))
    searched = watched.searched
    if searched.counts:
        counted = trials_sentence(searched.counts, searched.num_over)
        lines.append(_line("Trials", f"{rungs_sentence(searched.rungs)}: {counted}".removeprefix(": ")))
    if searched.best is not None:
        lines.append(_line("Best", best_sentence(searched.best)))
    lines.append(_time(watched, now, max(0, min(BAR, width - 48))))
    for line in lines:
        # A line as wide as the terminal may already break.
        line.truncate(max(1, width - 1), overflow="ellipsis")
    return lines


def _line(label: str, text: str) -> Text:
    return Text.assemble((label.ljust(LABEL), "dim"), one_line(text))


def _cells(watched: Watched) -> str:
    told = [f"{watched.count('done', 'searched')} of {len(watched.cells)} done"]
    told += [f"{number} {name}" for name in ("failed", "running", "waiting") if (number := watched.count(name))]
    return ", ".join(told)


def _stage(watched: Watched) -> str:
    """Return what is being done, without the cell that another line names."""
    model, task, preset = watched.place or ("", "", "")
    title = watched.title or "starting"
    if not task:
        return title
    title = title.replace(f"{model}, {task}", task).replace(f"{task}, {preset}", task)
    title = title.removeprefix(f"{task}, ").removesuffix(f" {task}")
    return title.replace(f" {task}, ", " ").replace(f" {task}: ", ": ")


def _time(watched: Watched, now: float, bar: int) -> Text:
    full, left = round(watched.share * bar), watched.seconds_left(now)
    told = clock(now - watched.started) + ("" if left is None else f", about {clock(left)} left")
    if not watched.total:
        return _line("Time", told)
    told = f"{' ' * bool(bar)}{watched.share:.0%}, {told}"
    return Text.assemble(
        ("Time".ljust(LABEL), "dim"), ("━" * full, "green"), ("━" * (bar - full), "bright_black"), told
    )


class _Display(Live):
    """A live display that a terminal may be made narrower under."""

    def __init__(self, console: Console, lines: Callable[[int], list[Text]]) -> None:
        self.lines = lines
        self.widths: list[int] = []
        """Of the lines on the screen."""
        super().__init__(
            console=console,
            get_renderable=self._render,
            refresh_per_second=PER_SECOND,
            transient=True,
            # What is written into a file must not go to the terminal.
            redirect_stdout=sys.stdout.isatty(),
        )

    def refresh(self) -> None:
        """Draw the lines anew."""
        with self._lock:
            self._go_up()
            super().refresh()

    def say(self, sentence: str, style: str = "") -> None:
        """Write a line above."""
        with self._lock:
            self._go_up()
            self.console.print(Text(one_line(sentence), style=style))

    def _go_up(self) -> None:
        """Go to where the lines would end if a terminal that became narrower had not broken them in two."""
        width = max(1, self.console.width)
        broken = sum(max(0, -(-length // width) - 1) for length in self.widths)
        if broken:
            self.console.control(Control(*(((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)) * broken)))
            self.widths = []

    def _render(self) -> Group:
        lines = self.lines(self.console.width)
        self.widths = [cell_len(line.plain) for line in lines]
        return Group(*lines)


class LiveProgress(Watching):
    """Keeps the lines up to date."""

    def __init__(self, console: Console, budget: Budget = NO_BUDGET) -> None:
        super().__init__(budget)
        self.display = _Display(console, lambda width: frame(self.watched, time.monotonic(), width))

    def cell(self, rows: Sequence[CellSummary]) -> None:
        """Count the cell; say above how it ended."""
        super().cell(rows)
        for sentence in cell_sentences(rows):
            self.display.say(sentence, "red" if rows[0].status == "failed" else "")

    def trial(self, line: TrialLine, index: int, number: int, total: int) -> None:
        """Count the trial; say above how one failed."""
        self.watched = replace(self.watched, searched=self.watched.searched.after(line, index, number, total))
        if line.status in FAILED:
            self.display.say(trial_sentence(line, index, number, total, self.watched.searched.budget), "red")

    def note(self, sentence: str) -> None:
        """Say a sentence above."""
        self.display.say(f"Note: {sentence}")


@contextmanager
def live_progress(budget: Budget) -> Iterator[LiveProgress]:
    """Show the lines while the block runs; then they go, and the terminal is as it was."""
    progress = LiveProgress(Console(file=sys.stderr), budget)
    with progress.display:
        yield progress
