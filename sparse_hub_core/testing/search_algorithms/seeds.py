"""Checks that a seed decides."""

from __future__ import annotations

import random

from sparse_hub_core.testing.check import check, require
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
