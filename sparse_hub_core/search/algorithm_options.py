"""The options of search algorithms: the keyword arguments of their constructors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from sparse_hub_core.errors import ConfigError, did_you_mean
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.space import integer
from sparse_hub_core.wrong_values import what_is_wrong

if TYPE_CHECKING:
    from sparse_hub_core.registry import SearchAlgorithmEntry
    from sparse_hub_core.space import Domain

GIVEN = tuple(inspect.signature(SearchAlgorithm.__init__).parameters)
"""What every algorithm is told: the space, the number of samples and of workers, the seed."""
TRIAL_SPACE = {"a": integer(0, 9), "b": integer(0, 9)}
"""A space to make an algorithm for before the real one is known."""


@dataclass(frozen=True)
class Option:
    """An option of an algorithm: what it may be, and what it is unless told otherwise."""

    name: str
    type: Any
    default: Any


def options_of(algorithm: type[SearchAlgorithm]) -> dict[str, Option]:
    """Return the options of an algorithm by name, in the order of its constructor."""
    try:
        hints = get_type_hints(algorithm.__init__, include_extras=True)
    except NameError:
        # Names that only type checkers import; then any value is handed on.
        hints = {}
    parameters = inspect.signature(algorithm).parameters.values()
    own = [one for one in parameters if one.name not in GIVEN and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    return {one.name: Option(one.name, hints.get(one.name, Any), one.default) for one in own}


def complete_options(algorithm: type[SearchAlgorithm], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all options of an algorithm are, the given ones over their defaults."""
    return {name: option.default for name, option in options_of(algorithm).items()} | dict(given)


def create_algorithm(
    algorithm: type[SearchAlgorithm],
    space: Mapping[str, Domain],
    num_samples: int,
    num_workers: int,
    seed: int,
    options: Mapping[str, Any],
) -> SearchAlgorithm:
    """Return an algorithm for a search, its options checked.

    Raises:
        ConfigError: An option is not the algorithm's, or has a wrong value.
        UsageError: The algorithm itself refuses one.
    """
    known = options_of(algorithm)
    for name, value in options.items():
        _check(algorithm, known, name, value)
    return algorithm(space, num_samples, num_workers, seed, **options)


def check_algorithm(
    entry: SearchAlgorithmEntry, num_samples: int, num_workers: int, options: Mapping[str, Any]
) -> None:
    """Check that an algorithm can be used as asked, before anything else is loaded.

    Raises:
        UsageError: A package that it needs is missing, or an option is wrong.
    """
    entry.check_packages()
    create_algorithm(entry.load(), TRIAL_SPACE, num_samples, num_workers, 0, options)


def _check(algorithm: type[SearchAlgorithm], known: Mapping[str, Option], name: str, value: Any) -> None:
    if name not in known:
        listed = did_you_mean(name, known) if known else "it has none."
        raise ConfigError(f"{name!r} is no search option of {algorithm.__name__}: {listed}")
    try:
        TypeAdapter(known[name].type).validate_python(value, strict=True)
    except ValidationError as error:
        raise ConfigError(
            f"The search option {name} = {value!r} is wrong for {algorithm.__name__}: "
            f"{what_is_wrong(error.errors())}; the default is {known[name].default!r}."
        ) from None
