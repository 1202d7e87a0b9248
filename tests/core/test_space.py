from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_core import choice, integer, loguniform, uniform
from sparse_hub_core.space import GRID_POINTS, every_point, from_ray

positive = st.floats(1e-6, 1e6)
seeds = st.integers(0, 2**32)


@st.composite
def domains(draw):
    kind = draw(st.sampled_from(["choice", "integer", "log integer", "uniform", "loguniform"]))
    if kind == "choice":
        return choice(draw(st.lists(st.integers() | st.text() | st.booleans(), min_size=1)))
    if "integer" in kind:
        low, high = sorted((draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6))))
        return integer(low, high, log="log" in kind)
    low, high = sorted((draw(positive), draw(positive)))
    return (uniform if kind == "uniform" else loguniform)(low, high)


@given(domains(), seeds)
def test_samples_and_grid_points_lie_in_the_domain(domain, seed):
    assert domain.sample(random.Random(seed)) in domain
    assert all(value in domain for value in domain.grid())


@given(domains(), seeds)
def test_a_seed_gives_the_same_sample(domain, seed):
    assert domain.sample(random.Random(seed)) == domain.sample(random.Random(seed))


@given(st.integers(-1000, 1000), st.integers(0, 1000))
def test_a_grid_holds_both_ends_and_is_short(low, width):
    grid = integer(low, low + width).grid()
    assert (grid[0], grid[-1]) == (low, low + width)
    assert len(grid) == len(set(grid)) <= GRID_POINTS


def test_both_ends_of_an_integer_domain_are_drawn():
    rng = random.Random(0)
    assert {integer(4, 6).sample(rng) for _ in range(100)} == {4, 5, 6}
    assert {integer(1, 3, log=True).sample(rng) for _ in range(200)} == {1, 2, 3}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: choice([]), "at least one value"),
        (lambda: integer(3, 2), r"integer\(3, 2\) is empty"),
        (lambda: integer(0, 2, log=True), "low must be above 0"),
        (lambda: uniform(1.0, 0.0), "is empty"),
        (lambda: loguniform(0.0, 1.0), "low must be above 0"),
    ],
)
def test_a_domain_without_values_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_ray_domains_become_ours():
    from ray import tune

    assert from_ray(tune.choice([1, 2])) == choice([1, 2])
    assert from_ray(tune.randint(4, 13)) == integer(4, 12)
    assert from_ray(tune.lograndint(1, 11)) == integer(1, 10, log=True)
    assert from_ray(tune.uniform(0, 1)) == uniform(0, 1)
    assert from_ray(tune.loguniform(1e-3, 1)) == loguniform(1e-3, 1)
    for unsupported in (tune.randn(), tune.quniform(0, 1, 0.1), tune.sample_from(lambda: 1)):
        with pytest.raises(TypeError, match="no search-space domain"):
            from_ray(unsupported)


@pytest.mark.parametrize("value", [3, "x", None, [1, 2], (1, 2)])
def test_what_is_no_domain_is_refused(value):
    with pytest.raises(TypeError, match="use choice, integer, uniform or loguniform"):
        from_ray(value)


def test_a_small_space_is_counted_and_one_without_end_is_not():
    space = {"a": choice(["x", "y"]), "b": integer(1, 3)}
    points = every_point(space, limit=6)
    assert points is not None
    assert len(points) == 6
    assert {"a": "y", "b": 2} in points
    assert every_point(space, limit=5) is None
    assert every_point({**space, "c": uniform(0, 1)}, limit=100) is None
    assert every_point({}, limit=1) == [{}]
