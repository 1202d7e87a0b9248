"""Checks of what an algorithm makes of what it was told."""

from __future__ import annotations

from statistics import median
from typing import Any

from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.search_algorithms.conditions import learns
from sparse_hub_core.testing.search_algorithms.spaces import MIXED, draws, landscape, read_again
from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject, run

SEEDS = range(5)
ENOUGH = 40
"""Trials after which something must have been learnt."""
NEXT = 15
PART = 0.75
"""Of the median height of random draws: what proposals of one that learns lie below."""


@check()
def goes_on_after_a_stop(subject: SearchAlgorithmSubject) -> None:
    """A new instance that is told what an earlier one did proposes something new."""
    done = run(subject.fresh(), NEXT)
    resumed = subject.fresh()
    for parameters in done:
        resumed.tell(read_again(parameters), landscape(parameters))
    # What is proposed once more is told once more, as a search does.
    found = run(resumed, len(done) + NEXT)
    require(any(proposal not in done for proposal in found), f"all of {len(found)} proposals were told before")


@check(learns)
def learns_from_its_own_trials(subject: SearchAlgorithmSubject) -> None:
    """Where it declares that it learns, its later proposals are better than random draws, over five seeds."""
    heights = []
    for seed in SEEDS:
        algorithm = subject.fresh(seed=seed)
        run(algorithm, ENOUGH)
        heights += _next(algorithm)
    _require_low(heights, f"after {ENOUGH} trials of its own")


@check(learns)
def learns_from_trials_from_elsewhere(subject: SearchAlgorithmSubject) -> None:
    """The same for a new instance that is told trials which it never asked for."""
    heights = []
    for seed in SEEDS:
        algorithm = subject.fresh(seed=seed)
        for parameters in draws(MIXED, ENOUGH, seed):
            algorithm.tell(read_again(parameters), landscape(parameters))
        heights += _next(algorithm)
    _require_low(heights, f"after {ENOUGH} trials from elsewhere")


def _next(algorithm: SearchAlgorithm) -> list[float]:
    return [landscape(proposal) for proposal in run(algorithm, NEXT)]


def _require_low(heights: list[float], when: str) -> None:
    draws_height = median(landscape(parameters) for parameters in draws(MIXED, 1000, 0))
    found: Any = median(heights) if heights else None
    require(heights, f"{when} nothing more is proposed")
    sentence = f"{when} the median of its proposals is {found}, that of random draws {draws_height:.3g}"
    require(found < PART * draws_height, f"{sentence}; it is to be below {PART:g} of that")
