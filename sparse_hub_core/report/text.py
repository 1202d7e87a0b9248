"""Tables for people: rich on a terminal, aligned lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sparse_hub_core.wording import one_line

PADDING = 3
"""What a column takes beside its text."""


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to the standard output; what comes from files cannot control a terminal."""
    shown = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _write_rich(columns, shown)
    else:
        sys.stdout.write(plain_table(columns, shown))


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return one line per row, the columns aligned and never cut."""
    lines = [list(columns), *[list(row) for row in rows]]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(line.rstrip() + "\n" for line in padded)


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Return whether a terminal of some width shows a table without breaking a word."""
    return sum(_words(columns, rows)) + PADDING * len(columns) <= width


def column_widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int | None]:
    """Return how wide columns are in a terminal of some width; None for what rich is to decide.

    All words stay whole where they fit; what room is left goes to the columns that lack least, so that numbers and
    statuses stay on one line and long texts are folded.
    """
    widths = _words(columns, rows)
    if not fits(columns, rows, width):
        # What names the row is still read in one piece.
        return [widths[0] if widths[0] <= width // 2 else None, *[None] * (len(widths) - 1)]
    lacking = [max([length, *(len(row[index]) for row in rows)]) - length for index, length in enumerate(widths)]
    left = width - PADDING * len(widths) - sum(widths)
    for place, index in enumerate(sorted(range(len(widths)), key=lambda index: lacking[index])):
        given = min(lacking[index], left // (len(widths) - place))
        widths[index] += given
        left -= given
    return list(widths)


def _words(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the length of the longest word of each column."""
    return [
        max((len(word) for text in texts for word in text.split()), default=0)
        for texts in zip(columns, *rows, strict=True)
    ]


def _write_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Imported here because listing into a pipe has no use for it.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, (column, width) in enumerate(zip(columns, column_widths(columns, rows, console.width), strict=True)):
        table.add_column(Text(column), overflow="fold", width=width, style="bold" if index == 0 else "")
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    console.print(table)
