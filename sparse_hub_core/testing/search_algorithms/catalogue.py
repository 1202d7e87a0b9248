"""All checks of search algorithms, theme by theme."""

from __future__ import annotations

from sparse_hub_core.testing.check import Check, checks_of
from sparse_hub_core.testing.search_algorithms import (
    declared,
    isolation,
    learning,
    proposals,
    seeds,
    surroundings,
    telling,
)
from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject

SEARCH_ALGORITHM_CHECKS: tuple[Check[SearchAlgorithmSubject], ...] = checks_of(
    declared,
    proposals,
    seeds,
    telling,
    learning,
    isolation,
    surroundings,
)
"""In the order in which they are run and documented."""
