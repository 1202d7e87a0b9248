"""All checks of maskers, theme by theme."""

from __future__ import annotations

from sparse_hub_core.testing.check import Check, checks_of
from sparse_hub_core.testing.maskers import (
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
from sparse_hub_core.testing.maskers.subject import Subject

CHECKS: tuple[Check[Subject], ...] = checks_of(
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
"""In the order in which they are run and documented."""
