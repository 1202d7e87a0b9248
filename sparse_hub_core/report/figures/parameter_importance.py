"""Which hyperparameters matter: the share that each explains, beside what chance explains."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_hub_core.report.figures.figure import COLOURS, Figure, as_json, layout, plain
from sparse_hub_core.report.importance import FEW_VALUES, SHUFFLES, Importance
from sparse_hub_core.report.outcome import Measured
from sparse_hub_core.report.page_table import Table

ROW, FRAME = 32, 90
METHOD = "One-way on ranks (Kruskal-Wallis); chance by {shuffles} shuffles of the {outcome}."
HOW_TO_READ = (
    "Bars: the share of the variance of the ranks of what came out that lies between a parameter's values, as in the "
    f"Kruskal-Wallis test; numbers of more than {FEW_VALUES} values are grouped by quarters. The mark on each is what "
    f"chance explains: 95% of {SHUFFLES} shuffles stay below it, for each parameter by itself. A bar that does not "
    "pass its mark tells nothing. The search chose the configurations, so they are no random sample, and parameters "
    "that it moved together share what they explain."
)


def parameter_importance(name: str, found: Sequence[Importance], measured: Measured) -> Figure | None:
    """Return the figure of one search, or None where nothing can be said."""
    from plotly import graph_objects as go

    if not found:
        return None
    places = list(range(len(found)))
    names = [plain(one.parameter, 80) for one in found]
    figure = go.Figure()
    figure.add_bar(
        x=[one.share for one in found],
        y=places,
        customdata=names,
        orientation="h",
        marker={"color": [COLOURS[0] if one.is_told else "#9AA5AD" for one in found]},
        name="explained",
        hovertemplate="%{customdata}<br>%{x:.0%} of the variance of ranks<extra></extra>",
    )
    figure.add_scatter(
        x=[one.chance for one in found],
        y=places,
        customdata=names,
        mode="markers",
        marker={"symbol": "line-ns", "size": 18, "line": {"width": 3, "color": COLOURS[1]}},
        name="chance (95%)",
        hovertemplate="%{customdata}<br>chance explains up to %{x:.0%}<extra></extra>",
    )
    height = FRAME + ROW * len(found)
    figure.update_layout(
        layout(
            height,
            bargap=0.4,
            margin={"l": 64, "r": 32, "t": 40, "b": 30},
            xaxis={"range": [0, 1], "tickformat": ".0%", "zeroline": False},
            # By place, because two shortened names may be the same.
            yaxis={
                "autorange": "reversed",
                "automargin": True,
                "tickvals": places,
                "ticktext": [plain(one.parameter, 28) for one in found],
                "showgrid": False,
                "zeroline": False,
            },
            legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
        )
    )
    method = METHOD.format(outcome=measured.outcome.name, shuffles=SHUFFLES)
    told = [one.parameter for one in found if one.is_told]
    passing = f"More than chance: {', '.join(told)}." if told else "None explains more than chance."
    rows = tuple(
        (one.parameter, f"{one.share:.0%}", f"{one.chance:.0%}", "yes" if one.is_told else "no", str(one.num_groups))
        for one in found
    )
    return Figure(
        name=name,
        label=f"Bars of how much each hyperparameter explains, n={found[0].n} at {measured.fidelity}. {passing}",
        caption=f"{passing} n={found[0].n} configurations at {measured.fidelity}. {method}",
        json=as_json(figure),
        table=Table("", ("parameter", "explained", "chance explains", "more than chance", "groups"), rows),
        height=height,
    )
