"""All checks, theme by theme."""

from __future__ import annotations

from types import ModuleType

from sparse_hub_core.testing import (
    appending,
    budget,
    causality,
    composition,
    configuration,
    index_size,
    isolation,
    processes,
    sampling,
    search_space,
    tensor_kinds,
)
from sparse_hub_core.testing.check import Check

THEMES: tuple[ModuleType, ...] = (
    configuration,
    search_space,
    processes,
    tensor_kinds,
    causality,
    appending,
    isolation,
    composition,
    budget,
    index_size,
    sampling,
)


def _checks_of(theme: ModuleType) -> list[Check]:
    return [value for value in vars(theme).values() if isinstance(value, Check)]


CHECKS: tuple[Check, ...] = tuple(check for theme in THEMES for check in _checks_of(theme))
"""In the order in which they are run and documented."""
