"""The conformance kit: what every masker, benchmark and search algorithm must hold, as checks that tests run.

``sparse-hub check NAME`` runs the same checks. pytest is imported only where a decorator is called, torch only where a
masker is under test.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sparse_hub_core.testing.check import Check
from sparse_hub_core.testing.outcome import Outcome, run_checks

if TYPE_CHECKING:
    from sparse_hub_core.testing.benchmarks.catalogue import BENCHMARK_CHECKS
    from sparse_hub_core.testing.benchmarks.parametrise import benchmark_checks
    from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject
    from sparse_hub_core.testing.maskers.catalogue import CHECKS
    from sparse_hub_core.testing.maskers.parametrise import masker_checks
    from sparse_hub_core.testing.maskers.subject import Subject
    from sparse_hub_core.testing.search_algorithms.catalogue import SEARCH_ALGORITHM_CHECKS
    from sparse_hub_core.testing.search_algorithms.parametrise import search_algorithm_checks
    from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject

_HOME = {
    "BENCHMARK_CHECKS": "benchmarks.catalogue",
    "BenchmarkSubject": "benchmarks.subject",
    "CHECKS": "maskers.catalogue",
    "SEARCH_ALGORITHM_CHECKS": "search_algorithms.catalogue",
    "SearchAlgorithmSubject": "search_algorithms.subject",
    "Subject": "maskers.subject",
    "benchmark_checks": "benchmarks.parametrise",
    "masker_checks": "maskers.parametrise",
    "search_algorithm_checks": "search_algorithms.parametrise",
}

__all__ = [
    "BENCHMARK_CHECKS",
    "CHECKS",
    "SEARCH_ALGORITHM_CHECKS",
    "BenchmarkSubject",
    "Check",
    "Outcome",
    "SearchAlgorithmSubject",
    "Subject",
    "benchmark_checks",
    "masker_checks",
    "run_checks",
    "search_algorithm_checks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
