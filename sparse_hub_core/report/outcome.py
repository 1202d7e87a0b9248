"""What the figures of a search show as its result: the objective, or the error where there is a winner per density."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparse_hub_core.fidelity import FIDELITIES, Fidelity

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import TrialLine


@dataclass(frozen=True)
class Outcome:
    """What is the better the lower it is."""

    name: str
    of: Callable[[TrialLine], float | None]
    note: str = ""


OBJECTIVE = Outcome("objective", lambda trial: trial.objective)
ERROR = Outcome(
    "attention error",
    lambda trial: trial.error,
    "This search has a winner for each density and so no single objective; the attention error stands for it, whatever "
    "the density.",
)


@dataclass(frozen=True)
class Measured:
    """The trials of a search that ran to their end at the rung where most did, with what came out."""

    outcome: Outcome
    fidelity: Fidelity
    trials: tuple[TrialLine, ...]
    values: tuple[float, ...]


def outcome_of(trials: Sequence[TrialLine]) -> Outcome:
    """Return what a search minimised."""
    return OBJECTIVE if any(trial.objective is not None for trial in trials) else ERROR


def measured(trials: Sequence[TrialLine]) -> Measured | None:
    """Return the trials of the lowest rung that has some, as all configurations enter there, or None."""
    outcome = outcome_of(trials)
    for fidelity in FIDELITIES:
        of_rung = [one for one in trials if one.fidelity == fidelity and one.status == "ok"]
        pairs = [(one, value) for one in of_rung if (value := outcome.of(one)) is not None]
        if pairs:
            return Measured(outcome, fidelity, tuple(one for one, _ in pairs), tuple(value for _, value in pairs))
    return None
