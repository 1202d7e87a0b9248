"""Checks of what is proposed."""

from __future__ import annotations

import json

from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.search_algorithms.spaces import MIXED, SPACES
from sparse_hub_core.testing.search_algorithms.subject import (
    NUM_SAMPLES,
    NUM_WORKERS,
    SearchAlgorithmSubject,
    require_in_space,
    run,
)

FEW = 6
MORE = 3 * NUM_SAMPLES


@check()
def proposals_lie_in_the_space(subject: SearchAlgorithmSubject) -> None:
    """A proposal has exactly the names of the space, and a value of each domain: log, of one value, any options."""
    for kind, space in SPACES.items():
        found = run(subject.fresh(space), NUM_SAMPLES, lambda proposal: float(len(repr(proposal))))
        require(found, f"in a space of the kind {kind!r} nothing is proposed")
        require_in_space(found, space, f"in a space of the kind {kind!r}")


@check()
def proposals_can_be_written(subject: SearchAlgorithmSubject) -> None:
    """A proposal is a plain dict that JSON takes."""
    for space in SPACES.values():
        proposal = subject.fresh(space).ask()
        require(type(proposal) is dict, f"a proposal is of the type {type(proposal).__name__}, not dict")
        try:
            json.dumps(proposal)
        except (TypeError, ValueError) as error:
            raise AssertionError(f"the proposal {proposal} cannot be written as JSON: {error}") from error


@check()
def nothing_to_search_is_one_point(subject: SearchAlgorithmSubject) -> None:
    """A space without parameters gives {}, or None once that was proposed."""
    algorithm = subject.fresh({})
    found = run(algorithm, FEW, lambda proposal: 0.5)
    require(found, "in a space without parameters nothing is proposed, not even {}")
    require(not any(found), f"in a space without parameters {next(filter(None, found), None)} is proposed")


@check()
def workers_need_not_wait(subject: SearchAlgorithmSubject) -> None:
    """Each worker gets a proposal, and another one, before anything is told."""
    algorithm = subject.fresh()
    found = [algorithm.ask() for _ in range(2 * NUM_WORKERS)]
    require(
        None not in found, f"after {found.index(None) if None in found else 0} proposals without a tell none is left"
    )
    require_in_space(found, MIXED, "before anything is told")


@check()
def proposals_differ(subject: SearchAlgorithmSubject) -> None:
    """In a large space half of the proposals or more are different ones."""
    found = run(subject.fresh(), NUM_SAMPLES)
    different = len({json.dumps(proposal, sort_keys=True) for proposal in found})
    require(2 * different >= len(found), f"only {different} of {len(found)} proposals are different")


@check()
def an_end_is_an_end(subject: SearchAlgorithmSubject) -> None:
    """It goes on after num_samples, because repeats and infeasible ones do not count, or ends with None for good."""
    for kind in ("mixed", "options of any type"):
        algorithm, ended = subject.fresh(SPACES[kind]), False
        for number in range(MORE):
            proposal = algorithm.ask()
            require(not (ended and proposal), f"it proposes {proposal} after it ended with None")
            ended = proposal is None
            if proposal is not None:
                require_in_space([proposal], SPACES[kind], f"after {number} proposals")
                algorithm.tell(proposal, float(number % 7 + 1))
        many = kind == "mixed" and ended
        require(not many, f"it ends within {MORE} proposals, though the space has many more points")
