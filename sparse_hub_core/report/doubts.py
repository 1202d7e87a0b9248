"""Reasons not to take a winner that its verdict does not show: it saves nothing, or there was nothing to lose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sparse_hub_core.report.numbers import percent

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, ValidationFile

NEAR_WORST = 0.2
"""The share of the score's range from the worst score up to which dense attention can hardly do a task."""
HALF = 0.5

READS_MORE = (
    "Reads more than dense attention",
    "Bytes are what decoding waits for, and these read more of them than dense attention does: choosing the keys reads "
    "too, and the heads of a KV group may choose different ones. Dense attention reads less and makes no error.",
)
OVER_HALF = (
    "Reads more than half of the keys",
    "Little is saved. The objective default adds a penalty of 5 above half density, so such a winner of it means that "
    "the search measured hardly anything below: more --num-samples, or another search space, may help.",
)
HARDLY_DONE = (
    "Dense attention can hardly do the task",
    f"Its mean score is nearer to the worst score than {NEAR_WORST:.0%} of the range. There is little to lose, so "
    '"within noise" says nothing of how good sparse attention is: take a task or a model that fits. Error and density '
    "hold.",
)


def reads_more(cell: CellSummary) -> list[str]:
    """Return that a winner reads more bytes than dense attention, where it does."""
    judged = cell.validation
    if judged is None or judged.io_density_validation is None or judged.io_density_validation <= 1.0:
        return []
    told = f"I/O density {percent(judged.io_density_validation)}"
    if (latency := judged.latency) is not None:
        told += f", {latency.sparse_ms_per_token:.3g} ms per token against dense attention's "
        told += f"{latency.dense_ms_per_token:.3g}"
    return [f"{told}."]


def over_half(cell: CellSummary) -> list[str]:
    """Return that a winner reads more than half of the keys, where it does."""
    best = cell.best
    if best is None or best.density <= HALF:
        return []
    told = f"density {percent(best.density)} in search"
    if best.objective_name == "default":
        told += f", so its objective, {best.objective:.4g}, has the penalty in it"
    return [f"{told}."]


def hardly_done(judged: ValidationFile | None) -> list[str]:
    """Return what dense attention scores, where it can hardly do the task."""
    if judged is None or judged.dense is None:
        return []
    mean = judged.dense.mean
    if judged.score_range is None or not all(map(math.isfinite, judged.score_range)):
        return ["it scores 0."] if mean == 0 and judged.higher_is_better else []
    low, high = judged.score_range
    worst = low if judged.higher_is_better else high
    if abs(mean - worst) >= NEAR_WORST * (high - low):
        return []
    return [
        f"it scores {mean:.4g}, nearer than {NEAR_WORST:.0%} of the range to the worst score, {worst:g} (the best is "
        f"{low + high - worst:g})."
    ]


def doubts(cell: CellSummary) -> list[str]:
    """Return a sentence for each reason not to take a winner as the answer."""
    return [
        *(f"{READS_MORE[0]}: {told} It saves nothing: dense attention reads less." for told in reads_more(cell)),
        *(f"{OVER_HALF[0]}: {told}" for told in over_half(cell)),
        *(f'{HARDLY_DONE[0]}: {told} "Within noise" says nothing there.' for told in hardly_done(cell.validation)),
    ]
