"""Grid search: every combination of a few values of each parameter."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparse_hub_core.search.algorithm import SearchAlgorithm

if TYPE_CHECKING:
    from sparse_hub_core.space import Domain

MAX_POINTS = 1 << 16
"""More points than any search tries; a larger grid is sampled."""


class GridSearch(SearchAlgorithm):
    """Tries the grid in a shuffled order, so that the first trials of a large one spread over all of it."""

    def __init__(self, space: Mapping[str, Domain], num_samples: int, num_workers: int, seed: int) -> None:
        super().__init__(space, num_samples, num_workers, seed)
        self._values = {name: domain.grid() for name, domain in space.items()}
        size = math.prod(len(values) for values in self._values.values())
        rng = random.Random(seed)
        # A larger one may have more points than a range can count.
        few = size <= MAX_POINTS
        drawn = rng.sample(range(size), size) if few else [rng.randrange(size) for _ in range(MAX_POINTS)]
        self._places = iter(dict.fromkeys(drawn))

    def ask(self) -> dict[str, Any] | None:
        """Return the next point of the grid, or None after the last."""
        place = next(self._places, None)
        if place is None:
            return None
        point = {}
        for name, values in self._values.items():
            place, index = divmod(place, len(values))
            point[name] = values[index]
        return point

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Ignore the result."""
