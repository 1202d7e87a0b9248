"""The checks of a search algorithm as tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.testing.parametrise import TestT, one_test_per_check
from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject


def search_algorithm_checks(
    algorithm: str | type[SearchAlgorithm], *, options: Mapping[str, Any] | None = None
) -> Callable[[TestT], TestT]:
    """Return a pytest decorator that runs a test once per check, with ``check`` as its argument.

    Checks that do not apply are skipped with the reason; those in the class's ``known_failures`` must fail::

        @search_algorithm_checks("middle")
        def test_conformance(check):
            check()

    Args:
        algorithm: A registered name, or a class.
        options: The options that it is made with, where those are not the defaults.

    Raises:
        UsageError: Nothing of that name is registered, a package is missing, or it cannot be imported.
    """
    return one_test_per_check(SearchAlgorithmSubject.of(algorithm, options))
