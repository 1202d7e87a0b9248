"""What one winner is chosen for: an objective, and the budget that it has to keep to."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sparse_hub_core.errors import SparseHubError, UsageError
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.search.budget import Budget
from sparse_hub_core.search.objectives import Objective
from sparse_hub_core.spec import Spec

if TYPE_CHECKING:
    from sparse_hub_core.registry import Subset


@dataclass(frozen=True)
class Target:
    """Minimise an objective, among what reads at most so much."""

    objective: Callable[[Measures], float]
    max_density: float | None = None
    max_io_density: float | None = None
    name: str = ""
    """Tells the targets of one search apart; empty where there is one."""

    def value(self, measures: Measures) -> float:
        """Return the value to minimise: whatever keeps to the budget is below 1 and below whatever does not.

        Without a budget it is the objective itself.

        Raises:
            SparseHubError: The objective is not finite.
        """
        value = self.plain(measures)
        if self.max_density is None and self.max_io_density is None:
            return value
        excess = self.excess(measures)
        return 1.0 + excess if excess > 0 else value / (1.0 + abs(value))

    def plain(self, measures: Measures) -> float:
        """Return the objective, whatever the budget.

        Raises:
            SparseHubError: It is not finite.
        """
        value = float(self.objective(measures))
        if not math.isfinite(value):
            raise SparseHubError(f"the objective is {value} at error {measures.error}, density {measures.density}")
        return value

    def excess(self, measures: Measures) -> float:
        """Return by how much the budget is exceeded, 0 where it is kept to."""
        return Budget(self.max_density, self.max_io_density).excess(measures)

    def compares(self, one: Measures, other: Measures) -> bool:
        """Return whether two answers to one request say which is better: a score needs both to have one."""
        reads_score = isinstance(self.objective, Objective) and self.objective.reads_score
        return not reads_score or (one.score is not None and other.score is not None)

    @property
    def budget(self) -> str:
        """The budget in words, empty where there is none."""
        limits = [("density", self.max_density), ("I/O density", self.max_io_density)]
        return " and ".join(f"{name} at most {100 * limit:.4g}%" for name, limit in limits if limit is not None)


def targets(objective: Any, spec: Spec, subset: Subset) -> tuple[Target, ...]:
    """Return what winners a search is to find.

    Args:
        objective: What was registered: an ``Objective`` class, or a function of error and density.
        spec: The budget, and the densities of a Pareto search.
        subset: The task.

    Raises:
        UsageError: The objective needs a budget that is not given, or has one that it cannot take.
    """
    is_class = inspect.isclass(objective) and issubclass(objective, Objective)
    made = objective(subset) if is_class else partial(of_error_and_density, objective)
    if is_class and objective.needs_budget and spec.max_density is None and spec.max_io_density is None:
        raise UsageError(
            f"The objective {spec.objective!r} is the lowest error within a budget; give it one with --max-density or "
            "--max-io-density, such as --max-density 0.05."
        )
    if not is_per_density(objective):
        if spec.densities != Spec.model_fields["densities"].default:
            raise UsageError(
                f"--density is for an objective with a winner for each, such as pareto; with {spec.objective!r} give "
                "a budget with --max-density."
            )
        return (Target(made, spec.max_density, spec.max_io_density),)
    if spec.max_density is not None:
        raise UsageError(
            f"The objective {spec.objective!r} has a winner for each of --density; leave out --max-density."
        )
    return tuple(
        Target(made, density, spec.max_io_density, name=f"density-{100 * density:.12g}")
        for density in sorted(set(spec.densities))
    )


def is_per_density(objective: Any) -> bool:
    """Return whether an objective has a winner for each density that is asked for."""
    return inspect.isclass(objective) and issubclass(objective, Objective) and objective.per_density


def of_error_and_density(function: Callable[[float, float], float], measures: Measures) -> float:
    """Apply an objective that looks at nothing else."""
    return function(measures.error, measures.density)
