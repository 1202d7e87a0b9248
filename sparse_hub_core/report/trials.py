"""The trials of a cell as the page shows them: how many there were, and which configurations won."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.results.files import content_hash
from sparse_hub_core.wording import by_fidelity, count

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, TrialLine


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
