"""Choose a winner among the finalists, and not inside the noise: of those that cannot be told apart, the cheapest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.search.target import Target

CONFIDENCE = 0.95
MIN_REQUESTS = 4
"""With fewer, an interval holds nearly everything, and the cheapest would win however bad it is."""


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

    A finalist ties with the best where the 95% t-interval of the difference of their objectives holds zero. As an
    objective may have steps, it is that of the means, and its spread is found by leaving out one request after another
    (the jackknife). Very few requests cannot tell what is noise, so there the lowest objective wins.
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
    pairs = list(zip(one.answers, best.answers, strict=True))
    # Where nothing was generated there is no score at all, and what stands for it is compared.
    pairs = [pair for pair in pairs if target.compares(*pair)] or pairs
    whole = _difference(pairs, target)
    if len(pairs) < MIN_REQUESTS:
        return whole == 0.0
    try:
        without_one = np.array([_difference([*pairs[:at], *pairs[at + 1 :]], target) for at in range(len(pairs))])
    except SparseHubError:
        # One request decides whether the objective is finite, so its spread cannot be told.
        return whole == 0.0
    pseudo_values = len(pairs) * whole - (len(pairs) - 1) * without_one
    mean, error = pseudo_values.mean(), stats.sem(pseudo_values)
    return bool(abs(mean) <= error * stats.t.ppf((1 + CONFIDENCE) / 2, len(pairs) - 1))


def _difference(pairs: Sequence[tuple[Measures, Measures]], target: Target) -> float:
    """Return by how much the objective of the first ones' means is above that of the others'."""
    mine, its = (Measures.mean(side) for side in zip(*pairs, strict=True))
    return target.plain(mine) - target.plain(its)
