"""Every built-in benchmark passes the conformance kit, a test per check; a plugin's own tests run it too."""

from __future__ import annotations

import functools

import pytest

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.testing import BENCHMARK_CHECKS, BenchmarkSubject, Check

BENCHMARKS = [entry.name for entry in load_registry().benchmarks if entry.provenance.distribution == "sparse-hub"]
# One subject for all checks of a benchmark, because they share requests and the other process.
subject_of = functools.cache(BenchmarkSubject.of)


@pytest.mark.parametrize("check", BENCHMARK_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_built_in_benchmark_holds_it(name: str, check: Check[BenchmarkSubject]) -> None:
    subject = subject_of(name)
    reason = check.does_not_apply(subject)
    if reason is not None:
        pytest.skip(reason)
    if check.name in subject.known_failures:
        with pytest.raises(AssertionError):
            check(subject)
    else:
        check(subject)


def test_those_that_ship_here_are_among_them() -> None:
    assert "ruler" in BENCHMARKS
