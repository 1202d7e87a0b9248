"""Tables for people: rich on a terminal, aligned lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Sequence


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


def _write_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Imported here because listing into a pipe has no use for it.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(Text(column), overflow="fold", no_wrap=index == 0, style="bold" if index == 0 else "")
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    Console(file=sys.stdout).print(table)
