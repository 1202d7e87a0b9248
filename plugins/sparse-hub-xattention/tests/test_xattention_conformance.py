from collections.abc import Callable

from sparse_hub_core.testing import masker_checks


@masker_checks("xattention")
def test_conformance(check: Callable[[], None]) -> None:
    check()
