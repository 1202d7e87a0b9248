from __future__ import annotations

from collections.abc import Callable

from sparse_hub_core.testing import masker_checks


@masker_checks("magic_pig")
def test_conformance(check: Callable[[], None]) -> None:
    check()
