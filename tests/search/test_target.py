from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_core import SparseHubError, UsageError, build_spec
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Subset
from sparse_hub_core.search.objectives import BenchmarkScore
from sparse_hub_core.search.target import Target, targets

SUBSET = Subset("s", "accuracy", score_range=(0.0, 50.0))
values = st.floats(-1e6, 1e6)
shares = st.floats(0, 2)


def error(measures):
    return measures.error


@given(values, values, st.floats(0, 0.1), st.floats(0.1001, 2))
def test_what_keeps_to_the_budget_beats_what_does_not(one, other, within, outside):
    target = Target(error, max_density=0.1)
    assert target.value(Measures(one, within, 5.0)) < 1 <= target.value(Measures(other, outside, 0.0))


@given(values, values)
def test_within_the_budget_the_order_is_the_objectives(one, other):
    target = Target(error, max_density=0.1, max_io_density=0.1)
    low, high = sorted((one, other))
    assert target.value(Measures(low, 0.1, 0.1)) <= target.value(Measures(high, 0.05, 0.05))
    if high - low > 1e-3:
        assert target.value(Measures(low, 0.1, 0.1)) < target.value(Measures(high, 0.05, 0.05))


@given(shares, shares, values, values)
def test_outside_the_nearer_one_is_better_whatever_its_error(one, other, its_error, others_error):
    target = Target(error, max_density=0.1, max_io_density=0.2)
    low, high = sorted((0.3 + one, 0.3 + other))
    near, far = Measures(its_error, 0.0, low), Measures(others_error, 0.0, high)
    assert target.value(near) <= target.value(far)
    assert target.excess(far) == pytest.approx(high - 0.2)


@given(values, shares)
def test_without_a_budget_the_value_is_the_objective(value, density):
    assert Target(error).value(Measures(value, density, density)) == value
    assert Target(error).excess(Measures(value, density, density)) == 0


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("target", [Target(error), Target(error, max_density=0.1)])
def test_an_objective_that_is_not_finite_is_an_error(target, broken):
    with pytest.raises(SparseHubError, match=r"the objective is (nan|inf) at error"):
        target.value(Measures(broken, 0.05, 0.05))


@pytest.mark.parametrize(
    ("budget", "words"),
    [({}, ""), ({"max_density": 0.05}, "density at most 5%"), ({"max_io_density": 1.25}, "I/O density at most 125%")],
)
def test_a_budget_in_words(budget, words):
    assert Target(error, **budget).budget == words


def found(objective, **settings):
    registry = load_registry()
    spec = build_spec({"objective": objective, **settings})
    return targets(registry.get(registry.objectives, objective).load(), spec, SUBSET)


@pytest.mark.parametrize("budget", [{}, {"max_density": 0.1}, {"max_io_density": 0.3}])
def test_a_plain_function_is_a_target_with_or_without_a_budget(budget):
    (target,) = found("default", **budget)
    assert target.plain(Measures(0.2, 0.5, 9.0)) == pytest.approx(0.25)
    assert (target.name, target.max_density, target.max_io_density) == (
        "",
        budget.get("max_density"),
        budget.get("max_io_density"),
    )


def test_constrained_is_the_error_within_a_budget():
    (target,) = found("constrained", max_density=0.1)
    assert target.plain(Measures(0.2, 0.5, 9.0)) == 0.2
    assert target.excess(Measures(0.2, 0.5, 9.0)) == pytest.approx(0.4)
    with pytest.raises(UsageError, match=r"'constrained' is the lowest error within a budget.*--max-density 0\.05"):
        found("constrained")


def test_pareto_has_a_target_for_each_density():
    made = found("pareto", densities=(0.2, 0.05, 0.05, 0.125), max_io_density=0.9)
    assert [target.name for target in made] == ["density-5", "density-12.5", "density-20"]
    assert [target.max_density for target in made] == [0.05, 0.125, 0.2]
    assert {target.max_io_density for target in made} == {0.9}
    assert len(found("pareto")) == 3
    with pytest.raises(UsageError, match="leave out --max-density"):
        found("pareto", max_density=0.1)


@pytest.mark.parametrize(
    ("measures", "value"),
    [
        (Measures(0.3, 0.1, 0.1), 0.3),
        (Measures(0.3, 0.1, 0.1, None, 0.7, 0.2), 0.7),
        (Measures(0.3, 0.1, 0.1, 50.0), 0.0),
        (Measures(0.3, 0.1, 0.1, 20.0), 0.6),
    ],
    ids=["replay", "teacher-forced", "best", "generated"],
)
def test_the_benchmarks_score_has_stand_ins(measures, value):
    assert BenchmarkScore(SUBSET)(measures) == pytest.approx(value)


@pytest.mark.parametrize(("higher_is_better", "value"), [(True, 0.75), (False, 0.25)])
def test_the_score_counts_from_its_best_end(higher_is_better, value):
    subset = SimpleNamespace(score_range=(-10.0, 10.0), higher_is_better=higher_is_better)
    assert BenchmarkScore(subset)(Measures(0.3, 0.1, 0.1, -5.0)) == pytest.approx(value)
