"""What each hyperparameter does: a line per configuration through its values, coloured by what came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparse_hub_core.fidelity import MEANINGS
from sparse_hub_core.report.figures.axes import Axis, axis
from sparse_hub_core.report.figures.figure import LINE_SCALE, Figure, as_json, layout, shortened
from sparse_hub_core.report.outcome import ERROR, Measured
from sparse_hub_core.report.table import Table, number, parameter

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import TrialLine

MOST_PARAMETERS = 9
AXIS_WIDTH, HEIGHT = 110, 400
IN_TABLE = 10
HOW_TO_READ = (
    "Lines: each is a configuration at the cheapest rung that measured some, where most of them ran; the bluer, the "
    "better. Drag along an axis to keep the lines that pass there. Axes of wide ranges are logarithmic."
)


def parallel_coordinates(name: str, title: str, measured: Measured, most: int) -> Figure | None:
    """Return the figure of one search, or None where no two axes vary.

    Args:
        name: The figure's id.
        title: What the search is called.
        measured: Its configurations at one rung.
        most: Lines that are drawn, the best before the others.
    """
    from plotly import graph_objects as go

    pairs = sorted(zip(measured.values, measured.trials, strict=True), key=lambda pair: pair[0])[:most]
    # The lines that are drawn last lie on top: the best ones.
    trials, values = [trial for _, trial in reversed(pairs)], [value for value, _ in reversed(pairs)]
    names = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    parameters = [axis(name, [trial.parameters.get(name) for trial in trials]) for name in names]
    varied = [one for one in parameters if one.varies]
    outcome = axis(measured.outcome.name, values)
    shown = [one for one in (*varied[:MOST_PARAMETERS], *_costs(trials, measured), outcome) if one.varies]
    if not varied or len(shown) < 2:
        return None
    figure = go.Figure(
        go.Parcoords(
            dimensions=[{"label": shortened(one.label, 24), "values": one.values, **_ticks(one)} for one in shown],
            line={"color": outcome.values, "colorscale": LINE_SCALE},
            labelside="top",
            labelangle=-12,
        )
    )
    figure.update_layout(layout(HEIGHT, margin={"l": 76, "r": 76, "t": 84, "b": 28}))
    fixed = [one.label for one in parameters if not one.varies]
    return Figure(
        name=name,
        label=f"Parallel coordinates of {len(trials)} configurations of {title} at {measured.fidelity}, through "
        f"{', '.join(one.label for one in shown)}.",
        caption=_caption(measured, len(trials), fixed, len(varied) - MOST_PARAMETERS),
        json=as_json(figure),
        table=_best(pairs, measured.outcome.name, names),
        min_width=AXIS_WIDTH * len(shown) + 120,
        height=HEIGHT,
        is_webgl=True,
    )


def _costs(trials: Sequence[TrialLine], measured: Measured) -> list[Axis]:
    """Return the axes of what each configuration reads and of its error, as far as all have them."""
    named = {"density": [trial.density for trial in trials], ERROR.name: [trial.error for trial in trials]}
    return [
        axis(name, values)
        for name, values in named.items()
        if name != measured.outcome.name and all(value is not None for value in values)
    ]


def _ticks(one: Axis) -> dict[str, Any]:
    if not one.ticks:
        return {}
    return {"tickvals": [at for at, _ in one.ticks], "ticktext": [text for _, text in one.ticks]}


def _best(pairs: Sequence[tuple[float, TrialLine]], outcome: str, names: Sequence[str]) -> Table:
    rows = tuple(
        (number(value), number(trial.density), *(parameter(trial.parameters.get(name, "-")) for name in names))
        for value, trial in pairs[:IN_TABLE]
    )
    return Table(f"The {len(rows)} with the lowest {outcome} as a table", (outcome, "density", *names), rows)


def _caption(measured: Measured, num_drawn: int, fixed: Sequence[str], left_out: int) -> str:
    rung, of = measured.fidelity, len(measured.trials)
    told = [
        f"{num_drawn} configurations as measured at {rung} ({MEANINGS[rung]}), coloured by {measured.outcome.name}."
    ]
    if measured.outcome.note:
        told.append(measured.outcome.note)
    if num_drawn < of:
        told.append(f"These are the best of {of}.")
    if left_out > 0:
        told.append(f"{left_out} more parameters have no axis here.")
    if fixed:
        told.append(f"Never varied: {', '.join(fixed)}.")
    return " ".join(told)
