"""Choose a winner among the finalists, and not inside the noise: of those that cannot be told apart, the cheapest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sparse_hub_core.fidelity import Measures
from sparse_hub_core.search.target import Target

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Finalist:
    """A configuration that finished the last rung, request by request."""

    parameters: dict[str, Any]
    answers: tuple[Measures, ...]

    @property
    def measures(self) -> Measures:
        """The means over its requests."""
        return Measures.mean(self.answers)


@dataclass(frozen=True)
class Choice:
    """The winner, and which others the requests cannot tell from the best."""

    winner: Finalist
    best: Finalist
    num_tied: int
    """Finalists that cannot be told from the best, itself included."""


def choose(finalists: Sequence[Finalist], target: Target) -> Choice | None:
    """Return the winner, or None where no finalist keeps to the budget.

    A finalist ties with the best where the 95% t-interval of the paired difference of their objectives, request by
    request, holds zero. A single request cannot tell what is noise, so there the lowest objective wins.
    """
    admitted = [one for one in finalists if target.excess(one.measures) <= 0]
    if not admitted:
        return None
    best = min(admitted, key=lambda one: (target.value(one.measures), _cost(one)))
    tied = [one for one in admitted if one is best or _ties(one, best, target)]
    return Choice(min(tied, key=lambda one: (_cost(one), target.value(one.measures))), best, len(tied))


def _cost(finalist: Finalist) -> tuple[float, float]:
    measures = finalist.measures
    return measures.io_density, measures.density


def _ties(one: Finalist, best: Finalist, target: Target) -> bool:
    pairs = zip(one.answers, best.answers, strict=True)
    differences = np.array([target.plain(mine) - target.plain(its) for mine, its in pairs])
    if len(differences) == 1:
        return bool(differences[0] == 0)
    mean, error = differences.mean(), stats.sem(differences)
    return bool(abs(mean) <= error * stats.t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1))
