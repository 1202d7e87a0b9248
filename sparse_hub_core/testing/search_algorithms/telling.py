"""Checks of what an algorithm is told."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.search_algorithms.spaces import (
    ANY_OPTION,
    MIXED,
    SPACES,
    Space,
    draws,
    landscape,
    read_again,
)
from sparse_hub_core.testing.search_algorithms.subject import (
    NUM_SAMPLES,
    NUM_WORKERS,
    SearchAlgorithmSubject,
    require_in_space,
    run,
)

GOES_ON = 8
"""Proposals that must still come after something unusual was told."""


@check()
def results_come_in_any_order(subject: SearchAlgorithmSubject) -> None:
    """Trials that run at the same time are told in any order, and some never."""
    algorithm, rng = subject.fresh(), random.Random(0)
    waiting: list[dict[str, Any]] = []
    for _ in range(NUM_SAMPLES):
        proposal = algorithm.ask()
        require(proposal is not None, "it ends while trials run")
        waiting.append(proposal or {})
        if len(waiting) > NUM_WORKERS:
            told = waiting.pop(rng.randrange(len(waiting)))
            algorithm.tell(told, landscape(told))
    _require_more(algorithm, MIXED, "after results in another order")


@check()
def failures_are_taken(subject: SearchAlgorithmSubject) -> None:
    """Trials may fail: at first, later, and all of them."""
    patterns: dict[str, Callable[[int], bool]] = {
        "the first trials": lambda number: number < NUM_SAMPLES // 2,
        "every other trial": lambda number: number % 2 == 1,
        "all trials": lambda number: True,
    }
    for which, fails in patterns.items():
        algorithm = subject.fresh()
        for number in range(NUM_SAMPLES):
            proposal = algorithm.ask()
            require(proposal is not None, f"it ends where {which} fail")
            algorithm.tell(proposal or {}, None if fails(number) else landscape(proposal or {}))
        _require_more(algorithm, MIXED, f"after {which} failed")


@check()
def trials_from_elsewhere_are_taken(subject: SearchAlgorithmSubject) -> None:
    """It takes trials that it never asked for, failed ones too, as they come back from a file."""
    for space in SPACES.values():
        algorithm = subject.fresh(space)
        for number, parameters in enumerate(draws(space, NUM_SAMPLES, 1)):
            algorithm.tell(read_again(parameters), None if number % 5 == 0 else float(number % 7 + 1))
        _require_more(algorithm, space, "after trials from elsewhere")


@check()
def repeats_are_taken(subject: SearchAlgorithmSubject) -> None:
    """The same trial may be told several times, also with another result."""
    for space in (MIXED, ANY_OPTION):
        algorithm = subject.fresh(space)
        for parameters in (algorithm.ask() or {}, *draws(space, 3, 2)):
            for objective in (0.5, 0.5, None, 0.25, None):
                algorithm.tell(parameters, objective)
        _require_more(algorithm, space, "after repeats")


@check()
def any_result_is_taken(subject: SearchAlgorithmSubject) -> None:
    """Objectives may be equal, negative, tiny or huge."""
    for objectives in ([0.0], [-1e9, 1e9], [1e-300, 2e-300], [1e30, 1.0]):
        algorithm = subject.fresh()
        for number in range(NUM_SAMPLES):
            algorithm.tell(algorithm.ask() or {}, objectives[number % len(objectives)])
        _require_more(algorithm, MIXED, f"after objectives of {objectives}")


@check()
def what_is_told_stays_as_it_is(subject: SearchAlgorithmSubject) -> None:
    """Parameters that it is told may be read-only or changed afterwards, and so may its proposals."""
    algorithm = subject.fresh()
    proposals = []
    for _ in range(NUM_SAMPLES):
        proposal = algorithm.ask() or {}
        proposals.append(dict(proposal))
        algorithm.tell(MappingProxyType(proposal), landscape(proposal))
    algorithm = subject.fresh()
    for number, before in enumerate(proposals):
        proposal = algorithm.ask() or {}
        require(proposal == before, f"proposal {number} is another one where what was told is changed afterwards")
        told = dict(proposal)
        algorithm.tell(told, landscape(before))
        require(told == before, f"telling {before} makes {told} of it")
        told.clear()
        proposal.clear()


def _require_more(algorithm: SearchAlgorithm, space: Space, when: str) -> None:
    def objective(proposal: Mapping[str, Any]) -> float:
        return float(len(repr(sorted(proposal.items(), key=repr))))

    found = run(algorithm, GOES_ON, objective)
    require(found or space is not MIXED, f"{when} nothing more is proposed")
    require_in_space(found, space, when)
