"""What the search of a cell went through: how its rungs agree, at which it ended, and which winners tie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.fidelity import MEANINGS
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary

CORRELATIONS = ["preset", "task", "model", "rungs", "Spearman [95% interval]", "Kendall", "n"]


def correlations(cells: Sequence[CellSummary]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of how rungs rank the same configurations; winners of one search share theirs."""
    rows: dict[tuple[str, ...], None] = {}
    for cell in cells:
        for found in cell.best.correlations if cell.best else ():
            place = cell.preset, cell.task, cell.model, f"{found.lower} and {found.upper}"
            spearman = f"{found.spearman:.2f} [{found.low:.2f}, {found.high:.2f}]"
            rows[(*place, spearman, f"{found.kendall:.2f}", str(found.n))] = None
    # A column that says the same in every row is left out, but for the preset.
    telling = [i for i in range(len(CORRELATIONS)) if i not in (1, 2) or len({row[i] for row in rows}) > 1]
    return [CORRELATIONS[i] for i in telling], [[row[i] for i in telling] for row in rows]


def correlation_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what the table of correlations tells, where there is one, and which are poor."""
    if not correlations(cells)[1]:
        return None
    # It brings scipy, which most summaries have no use for.
    from sparse_hub_core.search.ladder import POOR_CORRELATION

    poor = dict.fromkeys(
        f"{found.lower} and {found.upper} in {cell.task} ({cell.preset})"
        for cell in cells
        for found in (cell.best.correlations if cell.best else ())
        if found.spearman < POOR_CORRELATION
    )
    sentence = (
        "Rungs: how alike two fidelities rank the configurations that ran at both. Below "
        f"{POOR_CORRELATION:g} the cheaper one is a poor guide, and the search sends twice as many on"
    )
    if poor:
        return f"{sentence}: {'; '.join(poor)}."
    is_sure = all(
        found.low >= POOR_CORRELATION for cell in cells for found in (cell.best.correlations if cell.best else ())
    )
    return f"{sentence}; none is{'' if is_sure else ' seen to be, but too few ran where an interval reaches below it'}."


def fidelity_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return which winners were chosen without having generated anything."""
    chosen: dict[str, dict[str, None]] = {}
    for cell in cells:
        if cell.best is not None and cell.best.fidelity != "F3":
            how = f"{cell.best.fidelity} ({MEANINGS[cell.best.fidelity]})"
            chosen.setdefault(how, {})[f"{cell_label(cell)} in {cell.task}"] = None
    told = [f"{', '.join(which)} at {how}" for how, which in chosen.items()]
    return f"Chosen before anything was generated: {'; '.join(told)}." if told else None


def tie_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return which winners are the cheapest of several that the search cannot tell apart."""
    told = []
    for cell in cells:
        best = cell.best
        if best is not None and best.num_tied > 1:
            num_ran = cell.fidelities.get(best.fidelity)
            of = "" if num_ran is None else f" of {num_ran}"
            ran_at = f"at {best.fidelity} on {count(best.num_requests, 'request')}"
            told.append(f"{best.num_tied}{of} {ran_at} in {cell.task} ({cell_label(cell)})")
    if not told:
        return None
    return f"Configurations that cannot be told from the best; the one that reads least won: {'; '.join(told)}."
