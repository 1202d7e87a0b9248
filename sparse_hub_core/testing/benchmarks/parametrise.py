"""The checks of a benchmark as tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sparse_hub_core.benchmark import Benchmark
from sparse_hub_core.registry import Subset
from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject
from sparse_hub_core.testing.parametrise import TestT, one_test_per_check


def benchmark_checks(
    benchmark: str | type[Benchmark],
    *,
    subsets: Sequence[Subset] = (),
    summary: str = "",
    version: str = "1",
) -> Callable[[TestT], TestT]:
    """Return a pytest decorator that runs a test once per check, with ``check`` as its argument.

    Each check covers all subsets and names the one that fails. Rows come from the offline sample, and the network is
    blocked. Checks that do not apply are skipped with the reason; those in ``known_failures`` must fail::

        @benchmark_checks("echo")
        def test_conformance(check):
            check()

    Args:
        benchmark: A registered name, ``benchmark`` or ``benchmark/subset``, or a class.
        subsets: What a class would be registered with.
        summary: The same; by default the first line of the class's docstring.
        version: The same.

    Raises:
        UsageError: Nothing of that name is registered, or it cannot be imported.
    """
    return one_test_per_check(BenchmarkSubject.of(benchmark, subsets, summary, version))
