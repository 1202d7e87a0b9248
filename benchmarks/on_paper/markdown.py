"""Numbers and tables as the document shows them."""

from __future__ import annotations

from collections.abc import Sequence

MIB, GIB = 2.0**20, 2.0**30


def short(value: float) -> str:
    """A number as people read it: three digits are more than assumptions carry."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def size(num_bytes: float) -> str:
    """A size in the unit that suits it."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if num_bytes >= unit:
            return f"{short(num_bytes / unit)} {name}"
    return f"{num_bytes / 1024:.0f} KiB"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; the first column is text, the others are numbers."""
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ruler, *rows))
