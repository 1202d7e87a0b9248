"""When a check says nothing of a search algorithm: what it declares decides."""

from __future__ import annotations

from sparse_hub_core.search.algorithm_options import options_of
from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject


def has_options(subject: SearchAlgorithmSubject) -> str | None:
    """It has options."""
    return None if options_of(subject.algorithm_class) else "it has no options"


def learns(subject: SearchAlgorithmSubject) -> str | None:
    """It declares that it learns."""
    return None if subject.algorithm_class.learns else "it does not declare that it learns"
