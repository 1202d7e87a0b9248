"""Checks of the search space and of what is infeasible in it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.conditions import searched
from sparse_hub_core.testing.maskers.subject import Subject

LENGTHS = (512, 8192, 131072)
DRAWS = 20
MOST_POINTS = 400


@check(searched)
def space_names_fields(subject: Subject) -> None:
    """Every key of the search space is a field."""
    unknown = sorted(subject.space.keys() - subject.fields)
    require(not unknown, f"the search space names {unknown}, which are no fields; fields are {sorted(subject.fields)}")


@check(searched)
def space_points_construct(subject: Subject) -> None:
    """Samples of the search space, and both ends of each domain, make a config."""
    rng = random.Random(0)
    ends = [{name: domain.grid()[index] for name, domain in subject.space.items()} for index in (0, -1)]
    singles = [{name: value} for name, domain in subject.space.items() for value in domain.grid()]
    draws = [{name: domain.sample(rng) for name, domain in subject.space.items()} for _ in range(DRAWS)]
    for parameters in (*ends, *singles, *draws):
        _construct(subject, parameters, "a point of the search space")


@check(searched)
def space_converts_to_searchers(subject: Subject) -> None:
    """Every search algorithm that is installed takes the space and proposes configs."""
    for entry in load_registry().search_algorithms:
        if not entry.is_installed:
            continue
        proposals: list[dict[str, Any]] = []
        try:
            algorithm = entry.load()(subject.space, num_samples=4, num_workers=1, seed=0)
            for number in range(2):
                parameters = algorithm.ask()
                if parameters is not None:
                    proposals.append(parameters)
                    algorithm.tell(parameters, float(number))
        except Exception as error:
            # A search library may raise anything at a domain it cannot express.
            raise AssertionError(f"the search algorithm {entry.name!r} fails on the space: {error}") from error
        for parameters in proposals:
            _construct(subject, parameters, f"a proposal of {entry.name!r}")


@check()
def feasible_somewhere(subject: Subject) -> None:
    """At 512, 8192 and 131072 keys some point of the search space is feasible."""
    for num_keys in LENGTHS:
        reasons = []
        for config in _points(subject):
            reasons.append(config.infeasible_because(num_keys))
            if reasons[-1] is None:
                break
        else:
            raise AssertionError(f"nothing of {len(reasons)} points is feasible at {num_keys} keys: {reasons[-1]}")


def _sometimes_infeasible(subject: Subject) -> str | None:
    found = any(reason is not None for reason in _reasons(subject))
    return None if found else "no point of its space was found infeasible at any length"


@check(_sometimes_infeasible)
def infeasible_says_why(subject: Subject) -> None:
    """What is infeasible says so in words."""
    for reason in _reasons(subject):
        told = reason is None or (isinstance(reason, str) and len(reason.split()) > 2)
        require(told, f"infeasible_because gives {reason!r}, which is no sentence")


def _reasons(subject: Subject) -> Iterator[Any]:
    lengths = [2**power for power in range(0, 18)]
    for config, num_keys in itertools.product(subject.settings(5), lengths):
        yield config.infeasible_because(num_keys)


def _points(subject: Subject) -> Iterator[Any]:
    """Yield the defaults and points of the search space."""
    yield from subject.settings(0)
    rng = random.Random(1)
    for _ in range(MOST_POINTS if subject.space else 0):
        yield subject.config_class.from_parameters(
            subject.config.parameters() | {name: domain.sample(rng) for name, domain in subject.space.items()}
        )


def _construct(subject: Subject, parameters: Mapping[str, Any], what: str) -> None:
    try:
        subject.config_class.from_parameters({**subject.config.parameters(), **parameters})
    except Exception as error:
        # Whatever is raised, the point cannot be tried.
        raise AssertionError(f"{what} makes no config: {error}") from error
