"""The checks of a masker as tests."""

from __future__ import annotations

from collections.abc import Callable

from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.registry import Role
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.parametrise import TestT, one_test_per_check


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
    return one_test_per_check(Subject.of(masker, role, config, heads=heads, head_dim=head_dim))
