"""What a validation says of a winner beside dense attention, as one of several that were looked at together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.presets import DENSE

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import Best, CellSummary, ValidationFile

WITHIN_NOISE, NO_MORE_THAN = "within noise", "no more than"
MARGIN = 0.01
"""The share of the score's range that a winner may lose and still count as no worse."""


def families(cells: Sequence[CellSummary]) -> dict[tuple[str, str], list[int]]:
    """Return the places of the winners that were tested against dense attention, by model and task."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, cell in enumerate(cells):
        if cell.validation is not None and cell.validation.p_value is not None:
            found.setdefault((cell.model, cell.task), []).append(place)
    return found


def adjusted_p_values(cells: Sequence[CellSummary]) -> list[float | None]:
    """Return the p-value of each cell, adjusted by Holm over the winners of its model and task."""
    adjusted: list[float | None] = [None] * len(cells)
    for places in families(cells).values():
        # It brings scipy, which a run that has validated nothing has no use for.
        from sparse_hub_core.validation.significance import holm

        judged = [cells[place].validation for place in places]
        p_values = [found.p_value for found in judged if found is not None and found.p_value is not None]
        for place, value in zip(places, holm(p_values), strict=True):
            adjusted[place] = value
    return adjusted


def among_winners(cells: Sequence[CellSummary], best: Best) -> tuple[int | None, float | None]:
    """Return how many winners of its model and task a winner was judged among, and its p-value adjusted for that.

    Both are None where the rows of its run do not tell of it.
    """
    judged = [
        cell
        for cell in cells
        if (cell.model, cell.task) == (best.model, best.task) and cell.validation is not None and cell.preset != DENSE
    ]
    for cell, adjusted_p in zip(judged, adjusted_p_values(judged), strict=True):
        if (cell.preset, cell.target) == (best.preset, best.target):
            return len(judged), adjusted_p
    return None, None


def verdict(cell: CellSummary, adjusted_p: float | None) -> str:
    """Return the verdict in words; without a p-value, as in files of older versions, the interval alone decides."""
    if cell.status == "failed":
        return "failed"
    judged = cell.validation
    if judged is None:
        return "not validated"
    if judged.difference is None:
        return "baseline" if cell.preset == DENSE else "no answers"
    if not is_told(judged, adjusted_p):
        return f"{WITHIN_NOISE}, {_at_most(judged)} worse" if is_no_worse(judged) else WITHIN_NOISE
    if (judged.difference.mean > 0) == judged.higher_is_better:
        return "better than dense"
    return f"worse than dense, by {_at_most(judged)}" if is_no_worse(judged) else "worse than dense"


def is_told(judged: ValidationFile, adjusted_p: float | None) -> bool:
    """Return whether sparse can be told from dense attention."""
    from sparse_hub_core.validation.statistics import is_told

    return judged.difference is not None and is_told(judged.difference, adjusted_p)


def is_no_worse(judged: ValidationFile) -> bool:
    """Return whether the interval shows a loss below 1% of the score's range."""
    if judged.difference is None or judged.score_range is None:
        return False
    margin = MARGIN * score_width(judged)
    return judged.difference.low > -margin if judged.higher_is_better else judged.difference.high < margin


def points(judged: ValidationFile, share: float) -> str:
    """Return a share of the score's range in words: "2 points"."""
    value = share * score_width(judged)
    return f"{value:g} point" if value == 1 else f"{value:g} points"


def score_width(judged: ValidationFile) -> float:
    """Return how far apart the highest and the lowest score are."""
    low, high = judged.score_range or (0.0, 0.0)
    return high - low


def _at_most(judged: ValidationFile) -> str:
    return f"{NO_MORE_THAN} {points(judged, MARGIN)}"
