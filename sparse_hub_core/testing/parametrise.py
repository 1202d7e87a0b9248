"""The pytest side of the kit: one id per check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sparse_hub_core.testing.check import Check, Checked

TestT = TypeVar("TestT", bound=Callable[..., object])


def one_test_per_check(subject: Checked) -> Callable[[TestT], TestT]:
    """Return a pytest decorator that runs a test once per check of a subject, with ``check`` as its argument."""
    import pytest

    decorator: Callable[[TestT], TestT] = pytest.mark.parametrize(
        "check", [_parameter(check, subject) for check in subject.checks]
    )
    return decorator


def _parameter(check: Check[Any], subject: Checked) -> Any:
    import pytest

    known = subject.known_failures.get(check.name)
    marks = [] if known is None else [pytest.mark.xfail(reason=known, strict=subject.whole)]

    def run() -> None:
        reason = check.does_not_apply(subject)
        if reason is not None:
            pytest.skip(reason)
        check(subject)

    return pytest.param(run, id=check.name, marks=marks)
