from __future__ import annotations

import math

import pytest

from sparse_hub_core.fidelity import Measures
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.winner import Finalist, choose

NOISE = (0.02, -0.01, 0.01, -0.02, 0.015, -0.015)


def error(measures):
    return measures.error


def finalist(name, errors, density=0.1, io_density=None):
    io_density = density if io_density is None else io_density
    return Finalist({"name": name}, tuple(Measures(error, density, io_density) for error in errors))


def around(mean, sign=1, num=6):
    return [mean + sign * noise for noise in NOISE[:num]]


def chosen(finalists, **budget):
    choice = choose(finalists, Target(error, **budget))
    return choice and (choice.winner.parameters["name"], choice.best.parameters["name"], choice.num_tied)


@pytest.mark.parametrize(
    ("cheap", "winner", "num_tied"),
    [
        (around(0.5, -1), "cheap", 2),
        (around(0.505, -1), "cheap", 2),
        (around(0.6, -1), "dear", 1),
        ([0.5 + 0.001 + noise for noise in NOISE], "dear", 1),
        (around(0.4), "cheap", 1),
    ],
    ids=["equal means", "within the noise", "clearly worse", "slightly worse in every request", "better"],
)
def test_ties_go_to_the_cheaper_one_and_clear_differences_do_not(cheap, winner, num_tied):
    finalists = [finalist("dear", around(0.5), 0.3), finalist("cheap", cheap, 0.1)]
    assert chosen(finalists)[::2] == (winner, num_tied)
    assert chosen(finalists[::-1])[::2] == (winner, num_tied)


def test_cheaper_means_fewer_bytes_then_fewer_keys():
    errors = around(0.5)
    costs = {"bytes": (0.4, 0.2), "keys": (0.1, 0.3), "both": (0.3, 0.2)}
    finalists = [finalist(name, errors, *cost) for name, cost in costs.items()]
    assert chosen(finalists) == ("both", "both", 3)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"max_density": 0.5}, "dear"),
        ({"max_density": 0.2}, "middle"),
        ({"max_io_density": 0.1}, "cheap"),
        ({"max_density": 0.5, "max_io_density": 0.1}, "cheap"),
    ],
)
def test_the_winner_keeps_to_its_budget(budget, expected):
    finalists = [
        finalist("dear", around(0.1), 0.5),
        finalist("middle", around(0.3), 0.2),
        finalist("cheap", around(0.6), 0.1),
    ]
    assert chosen(finalists, **budget) == (expected, expected, 1)


def test_where_nothing_keeps_to_the_budget_nothing_wins():
    assert chosen([finalist("a", [0.1], 0.2)], max_density=0.19) is None
    assert chosen([]) is None


@pytest.mark.parametrize(("cheap", "winner"), [(0.5, "cheap"), (0.500001, "dear"), (0.4, "cheap")])
def test_one_request_cannot_tell_what_is_noise(cheap, winner):
    assert chosen([finalist("dear", [0.5], 0.3), finalist("cheap", [cheap], 0.1)])[0] == winner


def test_one_finalist_wins():
    assert chosen([finalist("a", around(0.5))]) == ("a", "a", 1)


def stepped(measures):
    return measures.error + (5.0 if measures.density > 0.5 else 0.0)


def test_a_step_of_the_objective_in_the_mean_is_no_noise():
    """Two of ten requests carry the mean over the step; request by request the two would look alike."""
    below = Finalist({"name": "below"}, tuple(Measures(0.4, 0.45, 0.9) for _ in range(10)))
    over = Finalist({"name": "over"}, tuple(Measures(0.4, 0.56 if i < 2 else 0.495, 0.2) for i in range(10)))
    choice = choose([over, below], Target(stepped))
    assert (choice.winner.parameters["name"], choice.num_tied) == ("below", 1)


@pytest.mark.parametrize("num", [2, 3])
def test_very_few_requests_do_not_let_the_cheapest_win(num):
    dear, cheap = [0.05, 0.08, 0.06][:num], [0.75, 0.95, 0.2][:num]
    assert chosen([finalist("dear", dear, 0.3), finalist("cheap", cheap, 0.1)])[0] == "dear"


def test_an_objective_that_is_finite_only_on_all_requests_has_a_winner():
    target = Target(lambda measures: math.log(measures.error) if measures.error else -math.inf)
    choice = choose([finalist("worse", [0.5, 0, 0, 0], 0.1), finalist("better", [0.4, 0, 0, 0], 0.2)], target)
    assert (choice.winner.parameters["name"], choice.num_tied) == ("better", 1)
