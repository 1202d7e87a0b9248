"""Checks of what an algorithm declares."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from sparse_hub_core.search.algorithm_options import options_of
from sparse_hub_core.testing.check import check, require, require_reasons
from sparse_hub_core.testing.search_algorithms.conditions import has_options
from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject

SCALARS = (str, int, float, bool, type(None))
"""What a flag or a line of TOML can give an option, and None for a default."""


@check(has_options)
def options_have_defaults(subject: SearchAlgorithmSubject) -> None:
    """Every option is typed and has a default of that type, a text, number or truth value, or None."""
    for option in options_of(subject.algorithm_class).values():
        default = option.default
        require(isinstance(default, SCALARS), f"the option {option.name!r} has no default that is a number or a text")
        require(option.type is not Any, f"the option {option.name!r} has no type")
        try:
            TypeAdapter(option.type).validate_python(default, strict=True)
        except ValidationError as error:
            raise AssertionError(f"the default {default!r} of {option.name!r} is refused: {error}") from error


@check()
def known_failures_have_reasons(subject: SearchAlgorithmSubject) -> None:
    """What known_failures names are checks, each with a reason."""
    require_reasons(subject)
