"""What a search minimises: a number for what was measured of a configuration."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sparse_hub_core.fidelity import Measures
    from sparse_hub_core.registry import Subset


class Objective(ABC):
    """An objective that needs more than error and density; made once per task."""

    needs_budget: ClassVar[bool] = False
    """Whether it makes sense only with --max-density or --max-io-density."""
    per_density: ClassVar[bool] = False
    """Whether a winner is chosen for each of --densities instead of one."""

    reads_score: ClassVar[bool] = False
    """Whether requests without a score say nothing of it where others have one."""

    def __init__(self, subset: Subset) -> None:
        """Prepare for a task, whose subset says what its score means."""
        self.subset = subset

    @abstractmethod
    def __call__(self, measures: Measures) -> float:
        """Return the value to minimise; only values of one fidelity are compared."""


def default(error: float, density: float) -> float:
    """Return error plus a tenth of the density, and a penalty of 5 above half density."""
    return error + 0.1 * density + (5.0 if density > 0.5 else 0.0)


@dataclass(frozen=True)
class SparsityTarget:
    """Nearly the error alone, with a steep penalty for density above the target."""

    target: float

    def __call__(self, error: float, density: float) -> float:
        """Return the value to minimise."""
        return 0.99 * error + 0.01 * density + 10.0 * max(0.0, density - self.target)


sparsity_2 = SparsityTarget(0.02)
sparsity_5 = SparsityTarget(0.05)
sparsity_10 = SparsityTarget(0.10)
sparsity_15 = SparsityTarget(0.15)
sparsity_20 = SparsityTarget(0.20)
sparsity_25 = SparsityTarget(0.25)


class Constrained(Objective):
    """The attention error of what keeps to a budget."""

    needs_budget = True

    def __call__(self, measures: Measures) -> float:
        """Return the attention error."""
        return measures.error


class Pareto(Constrained):
    """The attention error, with a winner for each density that is asked for."""

    needs_budget = False
    per_density = True


class BenchmarkScore(Objective):
    """The benchmark's own score, as its distance from the best; where nothing was generated, the best stand-in.

    That is the divergence of the next-token distributions where the model ran, and the attention error in a replay.
    """

    reads_score = True

    def __call__(self, measures: Measures) -> float:
        """Return how far the score is from its best, as a share of a finite range, or what stands for it."""
        if measures.score is None:
            return measures.error if measures.kl is None else measures.kl
        low, high = self.subset.score_range
        if not math.isfinite(high - low) or high == low:
            return -measures.score if self.subset.higher_is_better else measures.score
        best = high if self.subset.higher_is_better else low
        return abs(best - measures.score) / (high - low)
