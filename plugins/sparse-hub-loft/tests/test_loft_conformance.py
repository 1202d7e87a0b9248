"""LOFT keeps what every benchmark must keep."""

from __future__ import annotations

from collections.abc import Callable

from sparse_hub_core.testing import benchmark_checks


@benchmark_checks("loft")
def test_conformance(check: Callable[[], None]) -> None:
    check()
