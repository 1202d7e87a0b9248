"""Checks that an algorithm is the same elsewhere, and leaves alone what is not its own."""

from __future__ import annotations

from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.search_algorithms.other_process import random_state, told_proposals
from sparse_hub_core.testing.search_algorithms.spaces import landscape
from sparse_hub_core.testing.search_algorithms.subject import NUM_SAMPLES, SearchAlgorithmSubject, run


@check()
def proposals_are_the_same_in_another_process(subject: SearchAlgorithmSubject) -> None:
    """Another process proposes the same, whatever its PYTHONHASHSEED."""
    here, there = told_proposals(subject.fresh()), subject.elsewhere["proposals"]
    require(here == there, "the same seed gives other proposals in another process")


@check()
def two_searches_do_not_mix(subject: SearchAlgorithmSubject) -> None:
    """Two instances that take turns, told different results, propose what each proposes alone."""
    alone = [
        run(subject.fresh(seed=0), NUM_SAMPLES, landscape),
        run(subject.fresh(seed=1), NUM_SAMPLES, lambda proposal: -landscape(proposal)),
    ]
    one, two = subject.fresh(seed=0), subject.fresh(seed=1)
    for number, (of_one, of_two) in enumerate(zip(*alone, strict=False)):
        found = (one.ask(), two.ask())
        require(found == (of_one, of_two), f"proposal {number} of two searches that take turns is another one")
        one.tell(of_one, landscape(of_one))
        two.tell(of_two, -landscape(of_two))


@check()
def global_randomness_is_left_alone(subject: SearchAlgorithmSubject) -> None:
    """Neither Python's, numpy's nor torch's global random state is drawn from or set."""
    # What a library does where it is imported is no business of the algorithm's.
    run(subject.fresh(), 1)
    before = random_state()
    run(subject.fresh(), NUM_SAMPLES)
    require(random_state() == before, "the global random state is another one after a search")
    require(subject.elsewhere["random state"] == "kept", "the global random state of another process is changed")
