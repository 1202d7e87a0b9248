"""The pytest side of the kit: one id per check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.registry import Role
from sparse_hub_core.testing.catalogue import CHECKS
from sparse_hub_core.testing.check import Check
from sparse_hub_core.testing.subject import Subject

TestT = TypeVar("TestT", bound=Callable[..., object])


def masker_checks(
    masker: str | type[MaskerConfig],
    *,
    role: Role | None = None,
    config: MaskerConfig | None = None,
    heads: tuple[int, int] | None = None,
    head_dim: int | None = None,
) -> Callable[[TestT], TestT]:
    """Return a pytest decorator that runs a test once per check, with ``check`` as its argument.

    Checks that do not apply are skipped with the reason; those in the config's ``known_failures`` must fail::

        @masker_checks("strided")
        def test_conformance(check):
            check()

    Args:
        masker: A registered name, or a config class.
        role: The masker's role, by default the registered one; ``selector`` or ``prefill`` for a class.
        config: What is checked, for a masker whose defaults cannot be made or would not do.
        heads: The query heads and KV heads that the config fits, where that is not all.
        head_dim: The head dimension that it fits, where that is not all.

    Raises:
        UsageError: Nothing of that name is registered, or the config cannot be made without arguments.
    """
    import pytest

    subject = Subject.of(masker, role, config, heads=heads, head_dim=head_dim)
    decorator: Callable[[TestT], TestT] = pytest.mark.parametrize(
        "check", [_parameter(check, subject) for check in CHECKS]
    )
    return decorator


def _parameter(check: Check, subject: Subject) -> Any:
    import pytest

    known = subject.config_class.known_failures.get(check.name)
    marks = [] if known is None else [pytest.mark.xfail(reason=known, strict=True)]

    def run() -> None:
        reason = check.does_not_apply(subject)
        if reason is not None:
            pytest.skip(reason)
        check(subject)

    return pytest.param(run, id=check.name, marks=marks)
