"""Score against density: the winners with their intervals, dense attention, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sparse_hub_core.presets import DENSE
from sparse_hub_core.report.figures.figure import COLOURS, LEGEND_ROW, SYMBOLS, TOP, Figure, as_json, layout, plain
from sparse_hub_core.report.numbers import number, percent
from sparse_hub_core.report.page_table import Table
from sparse_hub_core.report.rows import cell_label

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, Interval

Cost = Literal["density", "I/O density"]
MOST = 60
"""Winners that are drawn."""
IN_LEGEND = 12
PLOT = 340


@dataclass(frozen=True)
class Point:
    """A validated winner, or dense attention."""

    name: str
    preset: str
    cost: float
    score: Interval


def points(cells: Sequence[CellSummary], cost: Cost) -> list[Point]:
    """Return the winners that have a score and a cost."""
    found = []
    for cell in cells:
        judged = cell.validation
        if judged is None or judged.sparse is None:
            continue
        value = judged.density_validation if cost == "density" else judged.io_density_validation
        if value is not None:
            found.append(Point(cell_label(cell), cell.preset, value, judged.sparse))
    return found


def pareto_front(found: Sequence[Point], higher_is_better: bool) -> list[Point]:
    """Return the points that no other beats in one of cost and score without losing in the other, by cost."""
    sign = 1.0 if higher_is_better else -1.0
    front: list[Point] = []
    for point in sorted(found, key=lambda one: (one.cost, -sign * one.score.mean)):
        if not front or sign * point.score.mean > sign * front[-1].score.mean:
            front.append(point)
    return front


def score_density(name: str, cells: Sequence[CellSummary], cost: Cost) -> Figure | None:
    """Return the figure of one model and task, or None where no winner has a score and a cost."""
    from plotly import graph_objects as go

    found = points(cells, cost)
    judged = next((cell.validation for cell in cells if cell.validation is not None), None)
    if not found or judged is None:
        return None
    dense = judged.dense
    # Dense attention reads every key once: 100%, which a preset may exceed. Of keys none has more.
    beside = [Point(DENSE, DENSE, 1.0, dense)] if dense is not None and cost == "I/O density" else []
    front = pareto_front([*beside, *found], judged.higher_is_better)
    drawn = (
        found
        if len(found) <= MOST
        else ([one for one in front if one in found] + [one for one in found if one not in front])[:MOST]
    )
    widest = 1.08 * max(point.cost for point in [*beside, *drawn])
    figure = go.Figure()
    if dense is not None:
        _add_dense(figure, dense, widest, beside)
    figure.add_scatter(
        x=[point.cost for point in front],
        y=[point.score.mean for point in front],
        mode="lines+markers",
        marker={"symbol": "circle-open", "size": 20, "color": "#888888", "line": {"width": 1.5}},
        line={"shape": "hv", "dash": "dot", "width": 2, "color": "#888888"},
        name="Pareto front",
        hoverinfo="skip",
    )
    presets = list(dict.fromkeys(point.preset for point in drawn))
    several = [sum(point.preset == preset for point in drawn) > 1 for preset in presets]
    presets_named: set[str] = set()
    for place, point in enumerate(drawn):
        kind = presets.index(point.preset)
        figure.add_scatter(
            x=[point.cost],
            y=[point.score.mean],
            error_y=_error_bar(point.score),
            mode="markers+text",
            text=plain(point.name.removeprefix(point.preset).replace(", density <= ", "")) if several[kind] else "",
            textposition=("top right", "bottom right")[place % 2],
            textfont={"size": 11},
            cliponaxis=False,
            marker={"color": COLOURS[kind % 6], "symbol": SYMBOLS[kind % len(SYMBOLS)], "size": 11},
            name=plain(point.preset),
            legendgroup=f"preset {kind}",
            showlegend=point.preset not in presets_named and kind < IN_LEGEND,
            hovertemplate=f"{plain(point.name, 80)}<br>{cost} %{{x:.2%}}<br>score %{{y:.4g}}"
            f"<br>95% interval {point.score.low:.4g} to {point.score.high:.4g}, n={point.score.n}<extra></extra>",
        )
        presets_named.add(point.preset)
    num_named = min(len(presets), IN_LEGEND)
    legend = LEGEND_ROW * (1 + math.ceil((3 + num_named) / 3))
    figure.update_layout(
        layout(
            PLOT + legend,
            margin={"l": 56, "r": 24, "t": TOP, "b": 48 + legend},
            # In a narrow window each entry of the legend takes a row.
            meta={"narrow": LEGEND_ROW * num_named},
            xaxis={"title": {"text": f"{cost} in validation"}, "tickformat": ".2~%", "range": [0, widest]},
            yaxis={"title": {"text": plain(judged.metric)}, "zeroline": False, "range": _range(drawn, dense)},
        )
    )
    return Figure(
        name=name,
        label=f"Scatter of {len(drawn)} winners: {judged.metric} against {cost}, each with its 95% interval, beside "
        f"dense attention. On the Pareto front: {'; '.join(point.name for point in front)}.",
        caption=_caption(found, drawn, front, cost, judged.higher_is_better, bool(beside)),
        json=as_json(figure),
        table=_table([*beside, *found], front, cost),
        height=PLOT + legend,
    )


def _range(drawn: Sequence[Point], dense: Interval | None) -> list[float]:
    intervals = [*(point.score for point in drawn), *([dense] if dense else [])]
    ends = [end for one in intervals for end in (one.low, one.mean, one.high) if math.isfinite(end)]
    room = 0.08 * (max(ends) - min(ends)) or 1.0
    return [min(ends) - room, max(ends) + room]


def _add_dense(figure: Any, dense: Interval, widest: float, beside: Sequence[Point]) -> None:
    if math.isfinite(dense.low) and math.isfinite(dense.high):
        figure.add_scatter(
            x=[0, widest, widest, 0],
            y=[dense.low, dense.low, dense.high, dense.high],
            fill="toself",
            fillcolor="rgba(120,120,120,0.16)",
            line={"width": 0},
            mode="lines",
            name="dense, 95% interval",
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=[0, widest],
        y=[dense.mean, dense.mean],
        mode="lines",
        line={"color": "#777777", "width": 2},
        name="dense",
        legendgroup="dense",
        hovertemplate="dense %{y:.4g}<extra></extra>",
    )
    for point in beside:
        figure.add_scatter(
            x=[point.cost],
            y=[point.score.mean],
            mode="markers",
            marker={"color": "#777777", "symbol": "x", "size": 11},
            legendgroup="dense",
            showlegend=False,
            hovertemplate="dense, I/O density %{x:.0%}<br>score %{y:.4g}<extra></extra>",
        )
        figure.add_vline(x=point.cost, line={"color": "#777777", "width": 1, "dash": "dash"})


def _error_bar(score: Interval) -> dict[str, Any] | None:
    if not (math.isfinite(score.low) and math.isfinite(score.high)):
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": [score.high - score.mean],
        "arrayminus": [score.mean - score.low],
        "thickness": 1.5,
        "width": 4,
    }


def _caption(
    found: Sequence[Point],
    drawn: Sequence[Point],
    front: Sequence[Point],
    cost: Cost,
    higher_is_better: bool,
    has_dense: bool,
) -> str:
    better = "higher" if higher_is_better else "lower"
    told = (
        f"Score ({better} is better) against {cost}, both on the validation requests; bars and the grey band are 95% "
        f"intervals. Pareto front (nothing else reads less and has a better mean): "
        f"{'; '.join(point.name for point in front)}."
    )
    if has_dense:
        told += " The cross at 100% is dense attention; to the right of the dashed line more is read than that."
    if len({point.preset for point in drawn}) > IN_LEGEND:
        told += f" The legend names the first {IN_LEGEND} presets, the table all."
    return told if len(drawn) == len(found) else f"{told} {len(drawn)} of {len(found)} winners are drawn."


def _table(found: Sequence[Point], front: Sequence[Point], cost: Cost) -> Table:
    rows = tuple(
        (
            point.name,
            percent(point.cost),
            number(point.score.mean),
            f"{number(point.score.low)} to {number(point.score.high)}",
            "yes" if point in front else "no",
        )
        for point in found
    )
    return Table("", ("winner", cost, "score", "95% interval", "on the Pareto front"), rows)
