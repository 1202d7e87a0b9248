"""Where in the model the error arises: a heat map of presets and layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.report.figures.figure import SCALE, Figure, as_json, layout, plain
from sparse_hub_core.report.numbers import number
from sparse_hub_core.report.page_table import Table
from sparse_hub_core.report.rows import cell_label

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary

MOST = 60
FEW = 12
"""Layers up to which each field also shows its number."""
ROW, FRAME = 34, 128


def layer_errors(name: str, cells: Sequence[CellSummary]) -> Figure | None:
    """Return the figure of one model and task, or None where no error was measured."""
    from plotly import graph_objects as go

    measured = [(cell_label(cell), cell.validation.error_by_layer) for cell in cells if cell.validation is not None]
    measured = [(label, errors) for label, errors in measured if errors]
    if not measured:
        return None
    drawn = measured[:MOST]
    layers = sorted({layer for _, errors in measured for layer in errors})
    fields = [[errors.get(layer) for layer in layers] for _, errors in drawn]
    height = FRAME + ROW * len(drawn)
    figure = go.Figure(
        go.Heatmap(
            z=fields,
            x=[str(layer) for layer in layers],
            y=list(range(len(drawn))),
            customdata=[[plain(label, 80)] * len(layers) for label, _ in drawn],
            colorscale=SCALE,
            reversescale=True,
            zmin=0,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            texttemplate="%{z:.2g}" if len(layers) <= FEW else None,
            hovertemplate="%{customdata}<br>layer %{x}<br>error %{z:.4g}<extra></extra>",
            colorbar={"title": {"text": "error"}, "thickness": 12},
        )
    )
    figure.update_layout(
        layout(
            height,
            xaxis={"title": {"text": "layer"}, "type": "category", "showgrid": False},
            # By place, because two shortened names may be the same.
            yaxis={
                "autorange": "reversed",
                "tickvals": list(range(len(drawn))),
                "ticktext": [plain(label, 44) for label, _ in drawn],
                "automargin": True,
                "showgrid": False,
                "zeroline": False,
            },
        )
    )
    more = "" if len(drawn) == len(measured) else f" {len(drawn)} of {len(measured)} winners are drawn."
    rows = tuple((label, *(number(errors.get(layer)) for layer in layers)) for label, errors in measured)
    return Figure(
        name=name,
        label=f"Heat map of the mean attention error of {len(drawn)} winners in {len(layers)} layers.",
        caption="Mean attention error of each layer on the validation requests, as a share of the dense output's "
        f"length; the darker, the larger. Layers that stay dense have no field.{more}",
        json=as_json(figure),
        table=Table("", ("winner", *(f"layer {layer}" for layer in layers)), rows),
        min_width=330 + (48 if len(layers) <= FEW else 14) * len(layers),
        height=height,
    )
