"""What a configuration may read at most."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_hub_core.fidelity import Measures

ROUNDING = 1e-9
"""The mean of equal densities may be above all of them by as much."""


@dataclass(frozen=True)
class Budget:
    """Limits of what is read; None where there is no limit."""

    max_density: float | None = None
    max_io_density: float | None = None

    def excess(self, measures: Measures) -> float:
        """Return by how much the budget is exceeded, 0 where it is kept to."""
        limited = (measures.density, self.max_density), (measures.io_density, self.max_io_density)
        excess = max((read - limit for read, limit in limited if limit is not None), default=0.0)
        return excess if excess > ROUNDING else 0.0
