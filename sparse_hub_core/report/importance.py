"""How much of the differences between configurations goes with each hyperparameter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHUFFLES = 999
CHANCE = 0.95
FEWEST = 10
"""Configurations below which nothing is said."""
FEW_VALUES = 5
"""Numbers with more distinct values than this are put into quarters."""


@dataclass(frozen=True)
class Importance:
    """What one parameter's values explain of the order of the configurations."""

    parameter: str
    share: float
    """Of the variance of the ranks of what came out, between the parameter's values."""
    chance: float
    """What 95% of shuffles stay below."""
    num_groups: int
    n: int

    @property
    def is_told(self) -> bool:
        """Whether it explains more than chance does."""
        return self.share > self.chance


def importances(parameters: Sequence[dict[str, Any]], values: Sequence[float], seed: int = 0) -> list[Importance]:
    """Return the parameters that varied, the one that explains most first; none of too few configurations.

    The share is that of a one-way analysis of variance on the ranks of the values, as Kruskal and Wallis have it.

    Args:
        parameters: Those of each configuration.
        values: What came out of each one.
        seed: Of the shuffles.
    """
    if len(values) < FEWEST:
        return []
    import numpy as np
    from scipy import stats

    ranks = stats.rankdata(values)
    if np.ptp(ranks) == 0:
        return []
    rng = np.random.default_rng(seed)
    shuffled = np.stack([ranks, *(rng.permutation(ranks) for _ in range(SHUFFLES))])
    found = []
    for name in dict.fromkeys(name for one in parameters for name in one):
        groups = groups_of([one.get(name) for one in parameters])
        num_groups = int(groups.max()) + 1
        # Where nearly each configuration has a value of its own, groups explain everything and tell nothing.
        if 1 < num_groups <= len(values) // 2:
            shares = _shares(shuffled, groups, num_groups)
            chance = float(np.quantile(shares[1:], CHANCE))
            found.append(Importance(name, float(shares[0]), chance, num_groups, len(values)))
    return sorted(found, key=lambda one: -one.share)


def groups_of(values: Sequence[Any]) -> NDArray[Any]:
    """Return the group of each value: its own where there are few, or the quarter of the numbers it is in."""
    import numpy as np

    texts = [json.dumps(value, sort_keys=True, default=repr) for value in values]
    distinct = sorted(set(texts))
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    if not numeric or len(distinct) <= FEW_VALUES:
        return np.array([distinct.index(text) for text in texts])
    numbers = np.array(values, dtype=float)
    edges = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75]))
    quarters = np.searchsorted(edges, numbers, side="left")
    return np.unique(quarters, return_inverse=True)[1]


def _shares(rows: NDArray[Any], groups: NDArray[Any], num_groups: int) -> NDArray[Any]:
    """Return for each row of ranks the share of its variance that lies between groups."""
    import numpy as np

    membership = np.eye(num_groups)[groups]
    centred = rows - rows.mean(axis=1, keepdims=True)
    between = ((centred @ membership) ** 2 / membership.sum(axis=0)).sum(axis=1)
    shares: NDArray[Any] = between / (centred**2).sum(axis=1)
    return shares
