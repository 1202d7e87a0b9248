"""A search over time: what came out of each trial in the order in which they ended, by rung."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparse_hub_core.fidelity import FIDELITIES, MEANINGS, Fidelity
from sparse_hub_core.report.figures.axes import magnitudes
from sparse_hub_core.report.figures.figure import COLOURS, LEGEND_ROW, TOP, Figure, as_json, is_wide, layout, plain
from sparse_hub_core.report.numbers import number
from sparse_hub_core.report.outcome import Outcome, outcome_of
from sparse_hub_core.report.page_table import Table
from sparse_hub_core.report.trials import TRIAL_STATUS
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import TrialLine

SHAPES: dict[Fidelity, str] = {"F0": "circle", "F1": "square", "F2": "diamond", "F3": "star"}
COLOUR_OF: dict[Fidelity, str] = dict(zip(FIDELITIES, COLOURS, strict=False))
PLOT = 340
HOW_TO_READ = (
    "Each mark is a trial; the lower, the better. Lines are the best so far of each rung, as only values of one rung "
    "compare. Open marks were pruned; crosses at the bottom were not measured: not tried, or failed."
)

Numbered = tuple[int, "TrialLine", float]
"""A trial's place, the trial, and what came out of it."""


def best_so_far(values: Sequence[float]) -> list[float]:
    """Return the lowest value up to each place."""
    found: list[float] = []
    for value in values:
        found.append(value if not found else min(value, found[-1]))
    return found


def search_over_time(name: str, title: str, trials: Sequence[TrialLine], most: int) -> Figure | None:
    """Return the figure of one search, or None where nothing was measured.

    Args:
        name: The figure's id.
        title: What the search is called.
        trials: Its trials in the order in which they ended.
        most: Trials that are drawn; the first ones are left out where there are more.
    """
    from plotly import graph_objects as go

    outcome = outcome_of(trials)
    numbered = list(enumerate(trials, start=1))[-most:]
    known: list[Numbered] = [(place, one, value) for place, one in numbered if (value := outcome.of(one)) is not None]
    if not known:
        return None
    rungs = [fidelity for fidelity in FIDELITIES if any(one.fidelity == fidelity for _, one, _ in known)]
    begin = min((one.started for one in trials if one.started), default=0.0)
    figure = go.Figure()
    for rung in rungs:
        of_rung = [found for found in known if found[1].fidelity == rung]
        _add_best(figure, rung, [found for found in of_rung if found[1].status == "ok"])
        _add_trials(figure, rung, [found for found in of_rung if found[1].status != "pruned"], begin, outcome)
        pruned = [found for found in of_rung if found[1].status == "pruned"]
        _add_trials(figure, rung, pruned, begin, outcome, is_pruned=True)
    _add_unmeasured(figure, [(place, one) for place, one in numbered if outcome.of(one) is None])
    wide = is_wide([value for _, _, value in known])
    legend = 2 * LEGEND_ROW
    figure.update_layout(
        layout(
            PLOT + legend,
            margin={"l": 56, "r": 16, "t": TOP, "b": 52 + legend},
            # In a narrow window the legend takes another row.
            meta={"narrow": LEGEND_ROW},
            xaxis={
                "title": {"text": "trial, in order of ending", "standoff": 8},
                "range": [numbered[0][0] - 0.7, numbered[-1][0] + 0.7],
                "tickformat": "d",
                "zeroline": False,
                "anchor": "free",
            },
            yaxis={
                "title": {"text": outcome.name},
                "domain": [0.12, 1],
                "zeroline": False,
                "automargin": True,
                **(_logarithmic([value for _, _, value in known]) if wide else {"rangemode": "tozero"}),
            },
            yaxis2={"domain": [0, 0.08], "visible": False, "range": [-1, 1], "fixedrange": True},
        )
    )
    return Figure(
        name=name,
        label=f"The {outcome.name} of {count(len(known), 'trial')} of {title} in the order in which they ended, at "
        f"{', '.join(rungs)}.",
        caption=_caption(rungs, outcome, len(numbered), len(trials), wide),
        json=as_json(figure),
        table=_table(trials, outcome),
        height=PLOT + legend,
    )


def _logarithmic(values: Sequence[float]) -> dict[str, Any]:
    # Plotly's own ticks leave out the magnitude between powers of ten.
    ticks = magnitudes(min(values), max(values))
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:.3g}" for tick in ticks]}


def _add_best(figure: Any, rung: Fidelity, ended: Sequence[Numbered]) -> None:
    figure.add_scatter(
        x=[place for place, _, _ in ended],
        y=best_so_far([value for _, _, value in ended]),
        mode="lines",
        line={"shape": "hv", "width": 2, "color": COLOUR_OF[rung]},
        legendgroup=rung,
        showlegend=False,
        hoverinfo="skip",
    )


def _add_trials(
    figure: Any, rung: Fidelity, found: Sequence[Numbered], begin: float, outcome: Outcome, is_pruned: bool = False
) -> None:
    if not found:
        return
    kind = f"{rung}, pruned" if is_pruned else rung
    figure.add_scatter(
        x=[place for place, _, _ in found],
        y=[value for _, _, value in found],
        mode="markers",
        marker={
            "symbol": SHAPES[rung] + ("-open" if is_pruned else ""),
            "size": 10 if rung == "F3" else 7,
            "color": COLOUR_OF[rung],
        },
        name=kind,
        legendgroup=rung,
        text=[
            f"{one.started - begin:.1f} s after the first, {one.seconds:.2f} s, "
            f"{count(one.requests_finished, 'request')}"
            for _, one, _ in found
        ],
        hovertemplate=f"trial %{{x}}, {kind}<br>{outcome.name} %{{y:.4g}}<br>%{{text}}<extra></extra>",
    )


def _add_unmeasured(figure: Any, found: Sequence[tuple[int, TrialLine]]) -> None:
    if not found:
        return
    figure.add_scatter(
        x=[place for place, _ in found],
        y=[0] * len(found),
        yaxis="y2",
        mode="markers",
        marker={"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": "#808080"}},
        name="not measured",
        text=[plain(f"{TRIAL_STATUS[one.status]}: {one.reason or 'no reason'}", 120) for _, one in found],
        hovertemplate="trial %{x}<br>%{text}<extra></extra>",
    )


def _caption(rungs: Sequence[Fidelity], outcome: Outcome, num_drawn: int, num_trials: int, wide: bool) -> str:
    told = [f"{'; '.join(f'{rung}: {MEANINGS[rung]}' for rung in rungs)}."]
    if wide:
        told.append("The axis is logarithmic.")
    if outcome.note:
        told.append(outcome.note)
    if num_drawn < num_trials:
        told.append(f"The last {num_drawn} of {num_trials} trials are drawn.")
    return " ".join(told)


def _table(trials: Sequence[TrialLine], outcome: Outcome) -> Table:
    rows = []
    for rung in FIDELITIES:
        of_rung = [one for one in trials if one.fidelity == rung]
        if of_rung:
            ended = Counter(TRIAL_STATUS[one.status] for one in of_rung)
            told = ", ".join(f"{number} {status}" for status, number in ended.items())
            values = (outcome.of(one) for one in of_rung if one.status == "ok")
            best = number(min((value for value in values if value is not None), default=None))
            rows.append((rung, str(len(of_rung)), told, best, f"{sum(one.seconds for one in of_rung):.1f}"))
    return Table("", ("rung", "trials", "how they ended", f"lowest {outcome.name}", "seconds of work"), tuple(rows))
