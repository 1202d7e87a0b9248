"""Random search: independent draws from the search space."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparse_hub_core.search.algorithm import SearchAlgorithm

if TYPE_CHECKING:
    from sparse_hub_core.space import Domain


class RandomSearch(SearchAlgorithm):
    """Draws every parameter on its own; learns nothing."""

    def __init__(self, space: Mapping[str, Domain], num_samples: int, num_workers: int, seed: int) -> None:
        super().__init__(space, num_samples, num_workers, seed)
        self._rng = random.Random(seed)

    def ask(self) -> dict[str, Any]:
        """Return a draw."""
        return {name: domain.sample(self._rng) for name, domain in self.space.items()}

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Ignore the result."""
