"""What each hyperparameter does: a line per configuration through its values, coloured by what came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparse_hub_core.fidelity import MEANINGS
from sparse_hub_core.report.figures.axes import Axis, axis
from sparse_hub_core.report.figures.figure import LINE_SCALE, Figure, as_json, layout, plain
from sparse_hub_core.report.numbers import number, parameter
from sparse_hub_core.report.outcome import ERROR, Measured
from sparse_hub_core.report.page_table import Table

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

    trials = measured.trials
    best = sorted(range(len(trials)), key=lambda place: measured.values[place])[:most]
    names = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    parameters = [axis(name, [trial.parameters.get(name) for trial in trials]) for name in names]
    varied = [one for one in parameters if one.varies]
    outcome = axis(measured.outcome.name, measured.values)
    shown = [one for one in (*varied[:MOST_PARAMETERS], *_costs(measured), outcome) if one.varies]
    if not varied or len(shown) < 2:
        return None
    # The lines that are drawn last lie on top: the best ones.
    figure = go.Figure(
        go.Parcoords(
            dimensions=[_dimension(one, best[::-1]) for one in shown],
            line={"color": [outcome.values[place] for place in best[::-1]], "colorscale": LINE_SCALE},
            labelside="top",
            labelangle=-12,
        )
    )
    figure.update_layout(layout(HEIGHT, margin={"l": 76, "r": 76, "t": 84, "b": 28}))
    fixed = [one.label for one in parameters if not one.varies]
    return Figure(
        name=name,
        label=f"Parallel coordinates of {len(best)} configurations of {title} at {measured.fidelity}, through "
        f"{', '.join(one.label for one in shown)}.",
        caption=_caption(measured, len(best), fixed, len(varied) - MOST_PARAMETERS),
        json=as_json(figure),
        table=_best(measured, best[:IN_TABLE], names),
        min_width=AXIS_WIDTH * len(shown) + 120,
        height=HEIGHT,
        is_webgl=True,
    )


def _costs(measured: Measured) -> list[Axis]:
    """Return the axes of what each configuration reads and of its error, as far as all have them."""
    trials = measured.trials
    named = {"density": [trial.density for trial in trials], ERROR.name: [trial.error for trial in trials]}
    return [
        axis(name, values)
        for name, values in named.items()
        if name != measured.outcome.name and all(value is not None for value in values)
    ]


def _dimension(one: Axis, places: Sequence[int]) -> dict[str, Any]:
    """Return an axis with the lines of some configurations, over the range of all."""
    dimension: dict[str, Any] = {
        # Plotly reads HTML in labels, and shows ticks as they are.
        "label": plain(one.label, 24),
        "values": [one.values[place] for place in places],
        "range": [min(one.values), max(one.values)],
    }
    if one.ticks:
        dimension.update(tickvals=[at for at, _ in one.ticks], ticktext=[text for _, text in one.ticks])
    return dimension


def _best(measured: Measured, places: Sequence[int], names: Sequence[str]) -> Table:
    rows = []
    for place in places:
        trial = measured.trials[place]
        values = (parameter(trial.parameters.get(name, "-")) for name in names)
        rows.append((number(measured.values[place]), number(trial.density), *values))
    outcome = measured.outcome.name
    return Table(f"The {len(rows)} with the lowest {outcome} as a table", (outcome, "density", *names), tuple(rows))


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
