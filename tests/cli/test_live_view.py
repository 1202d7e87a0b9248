"""The live view, on a pseudo-terminal whose screen is made of what was written to it."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from fcntl import ioctl

import pytest
from rich.console import Console

from sparse_hub_core.cli.live_progress import LiveProgress, frame
from sparse_hub_core.cli.watched import Searched, Watched
from sparse_hub_core.results.schema import CellSummary, TrialLine
from sparse_hub_core.search.budget import Budget

TASK, PRESET = "ruler/niah_multikey_2", "sink_local_magic_pig"
CHILD = """
import sys, time
from sparse_hub_core.cli.progress import watch
from sparse_hub_core.results.schema import CellSummary, TrialLine
from sparse_hub_core.search.budget import Budget

def cell(preset, status):
    return [CellSummary(model="demo", task="ruler/niah_multikey_2", preset=preset, status=status)]

with watch(Budget(max_density=0.5)) as progress:
    progress.begin(40)
    for preset in ("local_sink", "sink_local_magic_pig"):
        progress.cell(cell(preset, "waiting"))
    progress.cell(cell("local_sink", "running"))
    progress.stage("search demo, ruler/niah_multikey_2, local_sink")
    for number in range(1, 6):
        line = TrialLine(parameters={}, status="ok", objective=1/number, error=0.2, density=number/10, fidelity="F0")
        progress.trial(line, number, number, 5)
        progress.advance()
    broken = TrialLine(parameters={}, status="error", reason="a reason " * 20, fidelity="F0")
    progress.trial(broken, 6, 6, 6)
    progress.note("2 requests are fewer than 10.")
    progress.cell(cell("local_sink", "failed"))
    time.sleep(float(sys.argv[1]))
    progress.end()
print("Done.")
"""


def cell(preset: str, status: str) -> list[CellSummary]:
    return [CellSummary(model="demo", task=TASK, preset=preset, status=status)]


def on_terminal(width: int, seconds: float = 0.0, interrupt: bool = False, **environment: str) -> str:
    """Return what a run writes to a terminal of some width, as it would come to it."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, width, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(seconds)],
        stdout=slave,
        stderr=slave,
        env=kept | {"TERM": "xterm-256color"} | environment,
        # Whoever started the tests in the background had it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(slave)
    written = b""
    while child.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.05)[0]:
            try:
                written += os.read(master, 65536)
            except OSError:
                break
        if interrupt and b"2 of" not in written and b"1 failed" in written:
            child.send_signal(signal.SIGINT)
            interrupt = False
    child.wait(timeout=60)
    os.close(master)
    return written.decode()


def screen(written: str, width: int) -> list[str]:
    """Return the lines of a terminal that something was written to; what is too long for a line breaks."""
    lines, row, column = [""], 0, 0
    for code, move, text in re.findall(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])", written):
        if move == "A":
            row = max(0, row - int(code or 1))
        elif move == "K":
            lines[row] = ""
        elif text == "\r":
            column = 0
        elif text == "\n":
            row, column = row + 1, column
        elif text:
            if column == width:
                row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
            lines[row] = lines[row].ljust(column)[:column] + text + lines[row][column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_what_happened_stays_and_the_view_goes(width):
    written = on_terminal(width, seconds=0.6)
    shown = [line for line in screen(written, width) if line]
    text = " ".join(shown)
    assert "#6 F0 6/6: error: a reason" in text
    assert "Note: 2 requests are fewer than 10." in shown
    assert shown[-1] == "Done."
    assert f"demo, {TASK}, local_sink: failed" in text
    for label in ("Cells ", "Now ", "Stage ", "Trials ", "Best ", "Time "):
        assert label in written
        assert not any(line.startswith(label) for line in shown)
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_an_interruption_leaves_a_clean_terminal():
    written = on_terminal(80, seconds=60.0, interrupt=True)
    assert "KeyboardInterrupt" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    shown = [line for line in screen(written, 80) if line]
    assert not any(line.startswith(("Cells ", "Trials ", "Time ")) for line in shown)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_that_is_to_stay_plain_gets_lines_without_codes(environment):
    written = on_terminal(80, **environment)
    assert "\x1b" not in written
    assert "Note: 2 requests are fewer than 10." in written


def watched(**more) -> Watched:
    searched = Searched(Budget(max_density=0.5))
    for index, (fidelity, density) in enumerate((("F0", 0.4), ("F0", 0.9), ("F1", 0.4)), start=1):
        line = TrialLine(
            parameters={}, status="ok", objective=0.5, error=0.25, density=density, io_density=0.7, fidelity=fidelity
        )
        searched = searched.after(line, index, 1 + index // 2, 17)
    seen = Watched(started=0.0, total=100)
    for preset, status in (("dense", "done"), ("local_sink", "failed"), (PRESET, "waiting"), (PRESET, "running")):
        seen = seen.at_cell(cell(preset, status))
    seen = seen.at_stage(f"{TASK}, F1: replay of the whole trace", now=10.0)
    return replace(seen.further(done=50), searched=searched, **more)


def test_the_view_says_how_the_run_stands():
    lines = [line.plain.rstrip() for line in frame(watched(), now=40.0, width=120)]
    assert lines == [
        "Cells  1 of 3 done, 1 failed, 1 running",
        f"Now    demo, {TASK}, {PRESET}",
        "Stage  F1: replay of the whole trace",
        "Trials F0 2/17, F1 2/17: 3 ok (1 over the budget)",
        "Best   #3, objective 0.5, error 0.25, density 40.0%",
        f"Time   {'━' * 24} 50%, 0:40, about 0:30 left",
    ]


@pytest.mark.parametrize("width", [1, 2, 10, 40, 60, 80, 200])
def test_no_line_is_as_wide_as_the_terminal(width):
    assert all(line.cell_len < max(2, width) for line in frame(watched(), now=40.0, width=width))


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        (f"prepare demo, {TASK}, search requests", "prepare search requests"),
        ("load demo", "load demo"),
        (f"record demo, {TASK}: traces of 6 requests", "record: traces of 6 requests"),
        (f"search demo, {TASK}, {PRESET}", "search"),
        (f"validate demo, {TASK}, {PRESET}, density <= 5%", "validate density <= 5%"),
    ],
)
def test_the_stage_does_not_name_the_cell_again(title, shown):
    stage = next(line for line in frame(watched(title=title), 1.0, 200) if line.plain.startswith("Stage"))
    assert stage.plain == f"Stage  {shown}"


def test_a_terminal_that_becomes_narrower_keeps_no_piece_of_the_view():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, height=30)
    progress = LiveProgress(console)
    progress.watched = watched()
    with progress.display:
        progress.display.refresh()
        drawn = list(progress.display.widths)
        stream.truncate(0)
        console.width = 30
        progress.display.refresh()
        # The terminal broke its lines, and the cursor is as many rows further down.
        rows = sum(-(-width // 30) for width in drawn)
        assert stream.getvalue().count("\x1b[1A") == rows - 1
        stream.truncate(0)
        progress.display.refresh()
        assert stream.getvalue().count("\x1b[1A") == len(drawn) - 1
