from __future__ import annotations

import math
import random
from itertools import product

import numpy as np
import pytest

from sparse_hub_core.search.schedulers import GRACE_REQUESTS, NeverStops, create_stopper

NUM_REQUESTS = 12
HALVING = ("asha", "hyperband")
ALL = (*HALVING, "median")


def race(stopper, objectives, num_requests=NUM_REQUESTS):
    """Run trials side by side, a request each in turn, and return after how many each was stopped."""
    stopped = {}
    for finished, key in product(range(1, num_requests + 1), objectives):
        if key not in stopped and stopper.stops(key, finished, objectives[key]):
            stopped[key] = finished
    return stopped


def field(num_trials, seed=0):
    values = [index / num_trials for index in range(num_trials)]
    random.Random(seed).shuffle(values)
    return {f"trial-{value:g}": value for value in values}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(5))
def test_bad_trials_are_stopped_and_the_best_never_is(name, seed):
    objectives = field(20, seed)
    stopped = race(create_stopper(name, NUM_REQUESTS), objectives)
    assert "trial-0" not in stopped
    assert stopped
    survivors = [value for key, value in objectives.items() if key not in stopped]
    assert sum(survivors) / len(survivors) < sum(objectives.values()) / len(objectives)
    assert all(GRACE_REQUESTS <= finished < NUM_REQUESTS for finished in stopped.values())


@pytest.mark.parametrize("name", ALL)
def test_a_trial_clearly_worse_than_many_before_it_is_stopped(name):
    stopper = create_stopper(name, NUM_REQUESTS)
    for index in range(12):
        race(stopper, {f"good-{index}": 0.1 + index / 1000})
    assert "bad" in race(stopper, {"bad": 9.0})
    assert race(stopper, {"best": 0.01}) == {}


@pytest.mark.parametrize(
    ("name", "num_requests", "max_stops"),
    [("none", NUM_REQUESTS, math.inf), *[(name, GRACE_REQUESTS, math.inf) for name in ALL], ("asha", NUM_REQUESTS, 0)],
)
def test_none_too_few_requests_and_too_few_trials_stop_nothing(name, num_requests, max_stops):
    stopper = create_stopper(name, num_requests, max_stops)
    assert isinstance(stopper, NeverStops)
    assert race(stopper, field(20), num_requests) == {}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("max_stops", [1, 3])
def test_no_more_are_stopped_than_may_be(name, max_stops):
    assert len(race(create_stopper(name, NUM_REQUESTS, max_stops), field(20))) == max_stops


@pytest.mark.parametrize("name", ALL)
def test_a_resumed_search_decides_as_the_one_that_was_cut_off(name):
    objectives, whole = field(20), create_stopper(name, NUM_REQUESTS)
    first, second = (dict(list(objectives.items())[part]) for part in (slice(0, 12), slice(12, None)))
    earlier = race(whole, first)
    resumed = create_stopper(name, NUM_REQUESTS)
    # Trials are told as they ran: side by side in the whole search, one by one from the files.
    for key, value in first.items():
        resumed.remember(key, [value] * earlier.get(key, NUM_REQUESTS), key in earlier)
    assert "trial-0" not in race(resumed, second)
    assert race(resumed, {"bad": 9.0})


@pytest.mark.parametrize("name", ALL)
def test_a_request_told_twice_counts_once(name):
    once, twice = create_stopper(name, NUM_REQUESTS), create_stopper(name, NUM_REQUESTS)
    objectives = field(20)
    for finished, key in product(range(1, 5), objectives):
        told = once.stops(key, finished, objectives[key])
        assert twice.stops(key, finished, objectives[key]) == told
        assert not twice.stops(key, finished, objectives[key])


@pytest.mark.parametrize("name", ALL)
def test_decisions_leave_global_random_numbers_alone_and_do_not_depend_on_them(name):
    decisions = []
    for seed in (1, 2):
        np.random.seed(seed)
        expected = np.random.RandomState(seed).random_sample()
        decisions.append(race(create_stopper(name, NUM_REQUESTS), field(20)))
        assert np.random.random_sample() == expected
    assert decisions[0] == decisions[1]
