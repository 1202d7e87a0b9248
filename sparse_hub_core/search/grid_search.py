"""Grid search: every combination of a few values of each parameter."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparse_hub_core.search.algorithm import SearchAlgorithm

if TYPE_CHECKING:
    from sparse_hub_core.space import Domain


class GridSearch(SearchAlgorithm):
    """Tries the grid in a shuffled order, so that the first trials of a large one spread over all of it."""

    def __init__(self, space: Mapping[str, Domain], num_samples: int, num_workers: int, seed: int) -> None:
        super().__init__(space, num_samples, num_workers, seed)
        combinations = itertools.product(*(domain.grid() for domain in space.values()))
        points = [dict(zip(space, values, strict=True)) for values in combinations]
        random.Random(seed).shuffle(points)
        self._points = iter(points)

    def ask(self) -> dict[str, Any] | None:
        """Return the next point of the grid, or None after the last."""
        return next(self._points, None)

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Ignore the result."""
