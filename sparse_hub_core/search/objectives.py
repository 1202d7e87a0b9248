"""What a search minimises: functions of the mean attention error and the mean density."""

from __future__ import annotations

from dataclasses import dataclass


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
