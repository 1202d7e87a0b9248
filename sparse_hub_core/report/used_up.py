"""Where a search space held fewer configurations than were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary


def used_up_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return which searches that ended tried all that there was to try."""
    told: dict[str, None] = {}
    for cell in cells:
        tried = sum(number for status, number in cell.trials.items() if status != "infeasible")
        if cell.status in ("done", "searched") and cell.num_samples is not None and tried < cell.num_samples:
            place = f"{cell.preset} in {cell.task}"
            told[f"{count(tried, 'configuration')} of {place} ({cell.num_samples} were asked for)"] = None
    return f"All that there was to try was tried: {'; '.join(told)}." if told else None
