"""What happens in a run, a sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.cli.watched import NO_BUDGET, is_over_budget
from sparse_hub_core.fidelity import FIDELITIES
from sparse_hub_core.report.numbers import p_value
from sparse_hub_core.report.rows import cell_label, cell_row
from sparse_hub_core.report.trials import TRIAL_STATUS
from sparse_hub_core.results.schema import STATUSES
from sparse_hub_core.search.budget import Budget

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, Status, TrialLine


def clock(seconds: float) -> str:
    """Return seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def trial_sentence(line: TrialLine, index: int, number: int, total: int, budget: Budget = NO_BUDGET) -> str:
    """Return how one trial ended, or why a proposal was never tried.

    Args:
        line: The trial.
        index: Its number in the report, and the number of its line in trials.jsonl.
        number: Its number among the trials of its fidelity.
        total: How many these are.
        budget: What its configuration may read.
    """
    if line.status == "infeasible":
        return f"{TRIAL_STATUS[line.status]}: {line.reason or 'infeasible'}"
    over = ", over the budget" if is_over_budget(line, budget) else ""
    parts = [f"#{index} {line.fidelity} {number}/{total}: {TRIAL_STATUS[line.status]}{over}", *measured(line)]
    return ", ".join(parts) + (f": {line.reason}" if line.reason else "")


def measured(line: TrialLine) -> list[str]:
    """Return what a trial measured."""
    numbers = [("objective", line.objective, ".4g"), ("error", line.error, ".4g"), ("density", line.density, ".1%")]
    numbers += [("I/O density", line.io_density, ".1%"), ("KL", line.kl, ".4g"), ("score", line.score, ".4g")]
    return [f"{name} {value:{form}}" for name, value, form in numbers if value is not None]


def trials_sentence(counts: Mapping[Status, int], num_over: int = 0) -> str:
    """Return "8 ok (1 over the budget), 2 pruned, 3 not tried", or nothing where no trial ended."""
    told = []
    for status in sorted(counts, key=_order):
        over = f" ({num_over} over the budget)" if status == "ok" and num_over else ""
        told.append(f"{counts[status]} {TRIAL_STATUS[status]}{over}")
    return ", ".join(told)


def rungs_sentence(rungs: Mapping[str, tuple[int, int]]) -> str:
    """Return "F0 50/50, F1 12/17"."""
    return ", ".join(f"{name} {rungs[name][0]}/{rungs[name][1]}" for name in FIDELITIES if name in rungs)


def best_sentence(best: tuple[int, TrialLine]) -> str:
    """Return "#12, objective 0.346, error 0.304, density 41.3%", which fits into a narrow terminal."""
    index, line = best
    numbers = [("objective", line.objective, ".3g"), ("error", line.error, ".3g"), ("density", line.density, ".1%")]
    return ", ".join([f"#{index}", *(f"{name} {value:{form}}" for name, value, form in numbers if value is not None)])


def cell_sentences(rows: Sequence[CellSummary]) -> list[str]:
    """Return how a cell ended, a sentence for each winner; none while it goes on."""
    return [
        f"{row.model}, {row.task}, {cell_label(row)}: {_ending(row)}"
        for row in rows
        if row.status not in ("waiting", "running")
    ]


def _ending(row: CellSummary) -> str:
    if row.status == "failed":
        return "failed"
    if row.validation is None:
        return f"searched, density {row.best.density:.1%}" if row.best else "searched"
    # The other presets are not known yet, so nothing is adjusted for them.
    alone = row.validation.p_value
    shown = cell_row(row, alone)
    if row.validation.difference is None:
        return f"score {shown.score} ({shown.verdict})"
    by_itself = "" if alone is None else f", p {p_value(alone)} by itself"
    return f"{shown.verdict}, score {shown.score}, difference {shown.difference}{by_itself}"


def _order(status: Status) -> int:
    """Return the place of a status: that of a proposal that was never tried is the last."""
    return len(STATUSES) if status == "infeasible" else STATUSES.index(status)
