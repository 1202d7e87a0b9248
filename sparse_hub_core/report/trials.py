"""The trials of a search as the page shows them: how many there were, which won, and which were over the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.report.numbers import number, parameter
from sparse_hub_core.report.page_table import Table
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.wording import by_fidelity, count

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, Status, TrialLine
    from sparse_hub_core.search.budget import Budget

TRIAL_STATUS: dict[Status, str] = {
    **{"ok": "ok", "pruned": "pruned", "infeasible": "not tried"},
    **{"timeout": "timeout", "oom": "out of memory", "error": "error"},
}
"""How a trial ended, in words."""
LEGEND = {
    "not tried": "the masker says that this combination of values makes no sense, and the reason says why; it costs "
    "nothing and does not count as one of the samples",
    "pruned": "the scheduler stopped it before it had seen all requests; it cannot win",
    "timeout": "it took longer than --search-timeout",
    "out of memory": "the machine had too little memory for it",
    "error": "the masker raised an error; the reason says which",
}
MEASURED = {
    **{"objective": "objective", "error": "error", "density": "density", "io_density": "I/O density"},
    **{"kl": "KL", "delta_nll": "delta NLL", "score": "score"},
}
"""What a trial measures, and how it is called."""


def trials_title(trials: Sequence[TrialLine]) -> str:
    """Return "50 configurations, 77 trials: 50 F0, 17 F1, 6 F2, 4 F3; 3 not tried"."""
    ran = [trial for trial in trials if trial.status != "infeasible"]
    configurations = len({content_hash(trial.parameters) for trial in ran})
    rungs: Counter[str] = Counter(trial.fidelity for trial in ran)
    counted = f"{count(configurations, 'configuration')}, {count(len(ran), 'trial')}"
    told = f"{counted}: {by_fidelity(rungs)}" if ran else counted
    return f"{told}; {len(trials) - len(ran)} not tried" if len(ran) < len(trials) else told


def won(trials: Sequence[TrialLine], cells: Sequence[CellSummary]) -> list[str]:
    """Return for each trial what its configuration won, empty where it did not.

    Args:
        trials: Those of one search, all fidelities.
        cells: The rows of the summary that tell of this search, one for each winner.
    """
    wins: dict[str, list[str]] = {}
    for cell in cells:
        if cell.best is not None:
            wins.setdefault(content_hash(cell.best.parameters), []).append(cell.best.budget or "winner")
    return [", ".join(wins.get(content_hash(trial.parameters), ())) for trial in trials]


def trials_table(trials: Sequence[TrialLine], cells: Sequence[CellSummary], budget: Budget | None, most: int) -> Table:
    """Return a row per trial; columns that would say nothing are left out.

    Args:
        trials: Those of one search, in the order in which they ended.
        cells: The rows of the summary that tell of this search.
        budget: What a winner may read; None where there is no limit.
        most: Rows that are shown; winners and the best of the highest rungs before the others.
    """
    wins = won(trials, cells)
    shown = _shown(trials, wins, most)
    parameters = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    measured = [name for name in MEASURED if any(getattr(trial, name) is not None for trial in trials)]
    headings = ["trial", *(["won"] if any(wins) else []), *(["over the budget"] if budget else []), *parameters]
    headings += ["fidelity", "status", *(MEASURED[name] for name in measured), "requests", "seconds", "reason"]
    rows = []
    for place in shown:
        trial = trials[place]
        row = [str(place + 1), *([wins[place]] if any(wins) else [])]
        row += [_over(trial, budget)] if budget else []
        row += [parameter(trial.parameters.get(name, "-")) for name in parameters]
        row += [trial.fidelity, TRIAL_STATUS[trial.status], *(number(getattr(trial, name)) for name in measured)]
        rows.append((*row, str(trial.requests_finished), f"{trial.seconds:.1f}", trial.reason or ""))
    note = (
        ""
        if len(shown) == len(trials)
        else (
            f"{len(shown)} of {len(trials)} trials are shown: winners, then the best at the highest rungs. All are in "
            "trials.jsonl."
        )
    )
    statuses = {TRIAL_STATUS[trial.status] for trial in trials}
    return Table(
        title=trials_title(trials),
        headings=tuple(headings),
        rows=tuple(rows),
        marked=frozenset(row for row, place in enumerate(shown) if wins[place]),
        legend=tuple((word, meaning) for word, meaning in LEGEND.items() if word in statuses),
        note=note,
    )


def _shown(trials: Sequence[TrialLine], wins: Sequence[str], most: int) -> list[int]:
    """Return which trials have a row, in their order."""

    def rank(place: int) -> tuple[bool, bool, int, float]:
        trial = trials[place]
        objective = trial.objective
        return (
            not wins[place],
            objective is None,
            -int(trial.fidelity[1:]),
            float("inf") if objective is None else objective,
        )

    return sorted(sorted(range(len(trials)), key=rank)[:most])


def _over(trial: TrialLine, budget: Budget) -> str:
    measures = trial.measures
    if measures is None:
        return "-"
    excess = budget.excess(measures)
    return f"by {excess:.2%}" if excess > 0 else "no"
