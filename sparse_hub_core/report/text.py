"""Tables for people: rich on a terminal, aligned lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Sequence

SHORT = 15
"""Cells up to so long, such as numbers and statuses, stay on one line where the others leave room."""
PADDING = 3
"""What a column takes beside its text."""
LEAST = 10
"""A column that is folded is at least so wide."""


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to the standard output."""
    if sys.stdout.isatty():
        _write_rich(columns, rows)
    else:
        sys.stdout.write(plain_table(columns, rows))


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return one line per row, the columns aligned and never cut."""
    lines = [list(columns), *[list(row) for row in rows]]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(line.rstrip() + "\n" for line in padded)


def whole_columns(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int | None]:
    """Return how wide the columns are that stay whole in a terminal of some width, and None for those that fold."""
    cells = [max((len(row[index]) for row in rows), default=0) for index in range(len(columns))]
    headings = [max((len(word) for word in column.split()), default=0) for column in columns]
    whole = [
        max(cell, heading) if index == 0 or cell <= SHORT else None
        for index, (cell, heading) in enumerate(zip(cells, headings, strict=True))
    ]
    taken = sum(LEAST if one is None else one for one in whole) + PADDING * len(whole)
    if taken <= width:
        return whole
    # What names the row is still read in one piece.
    return [whole[0] if whole[0] is not None and whole[0] <= width // 2 else None, *[None] * (len(whole) - 1)]


def _write_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Imported here because listing into a pipe has no use for it.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, (column, width) in enumerate(zip(columns, whole_columns(columns, rows, console.width), strict=True)):
        table.add_column(Text(column), overflow="fold", width=width, style="bold" if index == 0 else "")
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    console.print(table)
