"""Checks that a seed decides, here and elsewhere, and that an algorithm leaves alone what is not its own."""

from __future__ import annotations

import random

from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.search_algorithms.other_process import random_state, told_proposals
from sparse_hub_core.testing.search_algorithms.spaces import landscape
from sparse_hub_core.testing.search_algorithms.subject import NUM_SAMPLES, SearchAlgorithmSubject, run


@check()
def a_seed_decides(subject: SearchAlgorithmSubject) -> None:
    """The same seed and the same results give the same proposals again, whatever the global random state is."""
    first = run(subject.fresh(), NUM_SAMPLES)
    import numpy as np

    kept = random.getstate(), np.random.get_state()
    try:
        random.seed(1)
        np.random.seed(1)
        again = run(subject.fresh(), NUM_SAMPLES)
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
    require(first == again, "the same seed gives other proposals the second time")


@check()
def another_seed_gives_others(subject: SearchAlgorithmSubject) -> None:
    """Another seed gives other proposals in a large space."""
    first, other = (run(subject.fresh(seed=seed), NUM_SAMPLES) for seed in (0, 1))
    require(first != other, "another seed gives the same proposals")


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
