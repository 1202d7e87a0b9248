"""What all figures share: colours and shapes that can be told apart, a layout, and safe text."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

    from sparse_hub_core.report.page_table import Table

# Okabe and Ito: told apart with every common kind of colour blindness; its yellow is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down", "bowtie")
SCALE = "Cividis"
LINE_SCALE = [[0.0, "#0060A8"], [0.5, "#86A39B"], [1.0, "#F0B040"]]
"""For lines, which must be seen on white as on black; the first is the lowest."""
LEGEND_ROW = 20
TOP = 34
"""Room above what is drawn, for plotly's toolbar."""
LONGEST = 40
WIDE_RANGE, WIDEST_RANGE = 10.0, 1e4
"""Positive values are drawn by magnitude where the largest is this many times the smallest; beyond the second number
one value near zero would take all the room."""


@dataclass(frozen=True)
class Figure:
    """A figure, what it shows in words, and its numbers as a table."""

    name: str
    """Its id on the page."""
    label: str
    """What it shows, for those who do not see it."""
    caption: str
    json: str
    """What plotly draws, safe inside a script element."""
    table: Table | None = None
    min_width: int = 0
    """Pixels below which it scrolls in its box."""
    height: int = 380
    is_webgl: bool = False


def as_json(figure: PlotlyFigure) -> str:
    """Return a figure as JSON that can stand inside a script element."""
    text: str = figure.to_json()
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def plain(text: object, longest: int = LONGEST) -> str:
    """Return text that plotly shows as it is, shortened where it is long; plotly reads some HTML in texts."""
    return html.escape(shortened(text, longest), quote=False)


def shortened(text: object, longest: int = LONGEST) -> str:
    """Return a text in one line of at most so many characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def layout(height: int, **changes: Any) -> dict[str, Any]:
    """Return a plain layout; the page's script gives it the colours of the page."""
    shared: dict[str, Any] = {
        "template": "none",
        "height": height,
        "margin": {"l": 64, "r": 16, "t": TOP, "b": 56},
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
    }
    return {**shared, **changes}


def is_wide(values: list[float]) -> bool:
    """Return whether positive values range so widely that a logarithmic axis shows more."""
    return bool(values) and min(values) > 0 and WIDE_RANGE <= max(values) / min(values) <= WIDEST_RANGE
