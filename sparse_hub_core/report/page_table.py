"""A table of report.html, which the page can sort."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Headings and rows of text; it can be sorted by each of its columns."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    """Rows that stand out, such as winners."""
    legend: tuple[tuple[str, str], ...] = ()
    """Words of the table that need a word, and what they mean."""
    note: str = ""
    """What is to be known about it."""
