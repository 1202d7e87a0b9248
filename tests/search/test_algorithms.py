from __future__ import annotations

import itertools

import pytest

from sparse_hub_core import choice, integer, loguniform, uniform
from sparse_hub_core.plugins import load_registry

ALGORITHMS = ("nevergrad", "random", "grid")
SPACE = {
    "tables": choice([16, 32, 64]),
    "bits": integer(4, 12),
    "share": loguniform(0.005, 0.2),
    "rate": uniform(0.0, 1.0),
    "fixed": integer(3, 3),
    "size": integer(1, 1000, log=True),
}


def make(name, space=SPACE, num_samples=40, seed=0):
    registry = load_registry()
    return registry.get(registry.search_algorithms, name).load()(space, num_samples, 2, seed)


def asked(algorithm, count, objective=lambda parameters: parameters["share"]):
    found = []
    for _ in range(count):
        parameters = algorithm.ask()
        if parameters is None:
            break
        found.append(parameters)
        algorithm.tell(parameters, objective(parameters))
    return found


@pytest.mark.parametrize("name", ALGORITHMS)
def test_proposals_stay_inside_the_space(name):
    for parameters in asked(make(name), 40):
        assert parameters.keys() == SPACE.keys()
        assert all(parameters[key] in domain for key, domain in SPACE.items())
        assert all(type(value) in (int, float) for value in parameters.values())


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_seed_decides(name):
    assert asked(make(name), 10) == asked(make(name), 10)
    assert asked(make(name), 10) != asked(make(name, seed=1), 10)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_failures_and_trials_of_another_process_are_taken(name):
    algorithm = make(name)
    for parameters in asked(make(name, seed=5), 5):
        algorithm.tell(parameters, 0.5)
    algorithm.tell(algorithm.ask(), None)
    assert len(asked(algorithm, 5)) == 5


def test_the_grid_is_every_combination_once():
    space = {"a": choice(["x", "y"]), "b": integer(1, 3)}
    found = asked(make("grid", space), 100, lambda parameters: 0.0)
    assert sorted((p["a"], p["b"]) for p in found) == sorted(itertools.product("xy", (1, 2, 3)))


def test_nevergrad_finds_the_bottom_of_a_bowl():
    space = {"x": uniform(-2.0, 2.0), "y": integer(-10, 10)}
    bowl = lambda p: (p["x"] - 0.7) ** 2 + 0.1 * (p["y"] - 3) ** 2  # noqa: E731
    best = min(bowl(parameters) for parameters in asked(make("nevergrad", space, 80), 80, bowl))
    drawn = sorted(bowl(parameters) for parameters in asked(make("random", space, 80), 80, bowl))
    assert best < drawn[4]
