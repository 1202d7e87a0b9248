"""What the kit does not say of the algorithms here: how they do on known landscapes, and what each does its own way."""

from __future__ import annotations

import itertools
import json
import logging
import math
import random
import statistics
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_hub_core import UsageError, choice, integer, loguniform, uniform
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.search.algorithm_options import create_algorithm
from sparse_hub_core.search.encoding import Encoding
from sparse_hub_core.search.nevergrad_search import NevergradSearch
from sparse_hub_core.space import Choice, Integer

MODEL_BASED = ("nevergrad", "optuna_tpe", "optuna_nsga2", "hyperopt")
ALGORITHMS = (*MODEL_BASED, "random", "grid")
SEEDS = range(9)
BUDGET = 80
LANDSCAPE = {
    "kind": choice([None, (1, 2), "a", True]),
    "tables": integer(1, 1000, log=True),
    "bits": integer(-20, 20),
    "share": loguniform(1e-4, 1.0),
    "rate": uniform(-2.0, 2.0),
    "fixed": integer(3, 3),
}


def make(name, space=LANDSCAPE, num_samples=BUDGET, seed=0, **options):
    registry = load_registry()
    return create_algorithm(registry.get(registry.search_algorithms, name).load(), space, num_samples, 2, seed, options)


def asked(algorithm, count, objective):
    found = []
    for _ in range(count):
        parameters = algorithm.ask()
        if parameters is None:
            break
        found.append(parameters)
        algorithm.tell(parameters, objective(parameters))
    return found


def bowl(parameters):
    """The lowest point is 0, away from the middle of every domain."""
    return (
        (parameters["rate"] - 0.7) ** 2
        + 0.02 * (parameters["bits"] - 3) ** 2
        + (math.log10(parameters["share"]) + 2) ** 2
        + (math.log10(parameters["tables"]) - 1.5) ** 2
        + 0.5 * (parameters["kind"] != "a")
    )


def narrow(parameters):
    """The same, where three of four draws fail."""
    feasible = 0.2 < parameters["rate"] < 1.8 and 4 < parameters["tables"] < 400
    return bowl(parameters) if feasible else None


def best(name, landscape, seed):
    found = [landscape(parameters) for parameters in asked(make(name, seed=seed), BUDGET, landscape)]
    return min((height for height in found if height is not None), default=math.inf)


@pytest.mark.parametrize("landscape", [bowl, narrow])
@pytest.mark.parametrize("name", MODEL_BASED)
def test_what_learns_beats_random_draws_at_the_same_budget(name, landscape):
    learned, drawn = ([best(one, landscape, seed) for seed in SEEDS] for one in (name, "random"))
    assert statistics.median(learned) < 0.75 * statistics.median(drawn)
    assert sum(one < other for one, other in zip(learned, drawn, strict=True)) >= 6


@pytest.mark.parametrize("name", MODEL_BASED)
def test_a_resumed_search_keeps_what_it_was_told(name):
    height = {}
    for resumes in (True, False):
        later = []
        for seed in SEEDS:
            first, second = make(name, seed=seed), make(name, seed=seed + 100)
            for parameters in asked(first, 40, bowl):
                if resumes:
                    second.tell(json.loads(json.dumps(parameters)), bowl(parameters))
            later += [bowl(parameters) for parameters in asked(second, 15, bowl)]
        height[resumes] = statistics.median(later)
    assert height[True] < 0.8 * height[False]


def test_the_grid_is_every_combination_once():
    space = {"a": choice(["x", "y"]), "b": integer(1, 3)}
    found = asked(make("grid", space), 100, lambda parameters: 0.0)
    assert sorted((p["a"], p["b"]) for p in found) == sorted(itertools.product("xy", (1, 2, 3)))


def test_a_grid_too_large_to_count_is_sampled():
    space = {f"x{place}": uniform(0.0, 1.0) for place in range(40)}
    found = asked(make("grid", space), 30, lambda parameters: 0.0)
    assert len({tuple(point.values()) for point in found}) == 30
    assert all(len({point[name] for point in found}) > 1 for name in space)


@pytest.mark.parametrize("optimizer", ["OnePlusOne", "DE", "PSO", "CMA", "TBPSA", "DiscreteOnePlusOne"])
def test_nevergrads_optimizers_go_by_name(optimizer):
    algorithm = make("nevergrad", optimizer=optimizer)
    for number, parameters in enumerate(asked(make("random", seed=9), 10, bowl)):
        algorithm.tell(parameters, None if number % 3 == 0 else bowl(parameters))
    found = asked(algorithm, 30, bowl)
    assert all(parameters[name] in domain for parameters in found for name, domain in LANDSCAPE.items())
    assert found != asked(make("nevergrad"), 30, bowl)


@pytest.mark.parametrize(
    ("optimizer", "sentence"),
    [
        ("OnePlusTwo", "nevergrad has no optimizer 'OnePlusTwo': did you mean 'OnePlusOne'"),
        ("NelderMead", "'NelderMead' proposes one at a time: add --max-concurrent 1"),
    ],
)
def test_optimizers_that_will_not_do_are_refused(optimizer, sentence):
    with pytest.raises(UsageError, match=sentence):
        make("nevergrad", optimizer=optimizer)


def test_an_optimizer_that_fails_while_it_searches_is_told_in_a_sentence():
    algorithm = make("nevergrad", {"n": integer(1, 2**20, log=True)}, 20, optimizer="CMA")
    with pytest.raises(UsageError, match=r"nevergrad's optimizer 'CMA' fails \(ImportError"):
        asked(algorithm, 20, lambda parameters: 1.0)


def test_ngopts_metamodel_does_not_end_a_search():
    space = {"share": loguniform(0.01, 0.1)}
    found = asked(make("nevergrad", space, 20), 60, lambda parameters: abs(parameters["share"] - 0.03))
    assert len(found) == 60


@pytest.mark.parametrize("name", ["optuna_tpe", "optuna_nsga2"])
def test_optuna_is_left_as_it_was(name, capfd):
    import optuna

    optuna.logging.set_verbosity(logging.DEBUG)
    try:
        asked(make(name), 12, narrow)
        assert optuna.logging.get_verbosity() == logging.DEBUG
    finally:
        optuna.logging.set_verbosity(logging.INFO)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["optuna_tpe", "optuna_nsga2", "hyperopt"])
def test_failures_keep_it_away(name):
    space = {"x": uniform(0.0, 1.0), "n": integer(1, 100)}
    shares = []
    for seed in SEEDS:
        found = asked(make(name, space, seed=seed), BUDGET, lambda p: p["n"] / 100 if p["x"] > 0.75 else None)
        shares.append(statistics.mean(parameters["x"] > 0.75 for parameters in found[BUDGET // 2 :]))
    assert statistics.median(shares) > 0.4


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_class_is_described_without_its_library(name):
    registry = load_registry()
    reference = registry.get(registry.search_algorithms, name).ref.partition(":")[0]
    libraries = "{'optuna', 'hyperopt', 'nevergrad', 'numpy', 'torch', 'ray'}"
    script = f"import sys, {reference}; sys.exit(str({libraries} & sys.modules.keys() or ''))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stderr.strip() == ""


OPTIONS = st.lists(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3), st.lists(st.integers(0, 2), max_size=2)
    ),
    min_size=1,
    max_size=6,
    unique_by=json.dumps,
)
CHOICES = st.one_of(OPTIONS.map(choice), OPTIONS.map(lambda options: choice([(option,) for option in options])))
BOUNDS = st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6))
POSITIVE = st.tuples(st.floats(1e-6, 1e3), st.floats(0, 1e6))
DOMAINS = st.one_of(
    CHOICES,
    BOUNDS.map(lambda ends: uniform(ends[0], ends[0] + ends[1])),
    POSITIVE.map(lambda ends: loguniform(ends[0], ends[0] + ends[1])),
    BOUNDS.map(lambda ends: integer(int(ends[0]), int(ends[0]) + int(ends[1]))),
    POSITIVE.map(lambda ends: integer(1 + int(ends[0]), 1 + int(ends[0]) + int(ends[1]), log=True)),
)


@pytest.mark.parametrize("name", ["optuna_tpe", "optuna_nsga2", "hyperopt", "random", "nevergrad"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(space=st.dictionaries(st.sampled_from("abcd"), DOMAINS, min_size=1))
def test_any_domain_is_searched_inside_its_ends(name, space):
    found = asked(
        make(name, space, 15, n_startup_trials=3) if name == "optuna_tpe" else make(name, space, 15), 15, weigh
    )
    assert len(found) == 15
    for parameters in found:
        assert parameters.keys() == space.keys()
        for key, domain in space.items():
            wanted = domain.options if isinstance(domain, Choice) else ()
            kinds = {type(one) for one in wanted} or {int if isinstance(domain, Integer) else float}
            assert parameters[key] in domain
            assert type(parameters[key]) in kinds


def weigh(parameters):
    return float(len(json.dumps(parameters)))


@settings(max_examples=50, deadline=None)
@given(space=st.dictionaries(st.sampled_from("abcd"), DOMAINS), seed=st.integers(0, 99))
def test_encoding_and_decoding_give_the_same_point_also_by_way_of_json(space, seed):
    rng = random.Random(seed)
    point = {name: domain.sample(rng) for name, domain in space.items()}
    encoding = Encoding(space)
    for same in (point, json.loads(json.dumps(point))):
        codes = encoding.encode(same)
        assert codes is not None
        assert encoding.decode(codes) == point
    assert encoding.encode({**point, "z": 1}) is None
    assert not space or encoding.encode({**point, next(iter(space)): object()}) is None


def test_ngopt_goes_on_where_what_it_chose_gives_up() -> None:
    search = NevergradSearch({"size": integer(1, 1000)}, 4, 1, 0)
    for number in range(8):
        parameters = search.ask()
        assert 1 <= parameters["size"] <= 1000
        search.tell(parameters, float(number))
