"""A table of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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


def parameter(value: Any) -> str:
    """Return a parameter's value as tables show it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def number(value: float | None) -> str:
    """Return a number as tables show it, "-" for what was not measured."""
    return "-" if value is None else f"{value:.4g}"


def percent(value: float | None) -> str:
    """Return a share as tables show it."""
    return "-" if value is None else f"{value:.2%}"
