"""RULER: requests fill any length, by any tokenizer, with few counts."""

import re
from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruler_requests import RULER, by_pieces, by_words, take, used

from sparse_hub_benchmarks_builtin.generating.fit import largest_fitting
from sparse_hub_benchmarks_builtin.ruler.subsets import SUBSETS
from sparse_hub_core.benchmark import Lengths
from sparse_hub_core.errors import UsageError

ALL = tuple(subset.name for subset in SUBSETS)
GENERATED = tuple(subset.name for subset in SUBSETS if subset.generated)
IN_LINES = ("niah_single_1", "niah_multikey_2", "niah_multikey_3", "vt")


@pytest.mark.parametrize("count", [by_words, by_pieces])
@pytest.mark.parametrize("length", [1300, 2048, 5000])
@pytest.mark.parametrize("subset", IN_LINES)
def test_lengths_are_filled_as_closely_as_units_allow(subset: str, length: int, count: Callable[[str], int]) -> None:
    for request in take(subset, length, count=count):
        longest_line = max(request.context.split("\n"), key=count)
        # A unit that would have been added may be a little longer than any that was.
        assert length - count(longest_line) - 12 < used(request, count) <= length


@pytest.mark.parametrize("count", [by_words, by_pieces])
@pytest.mark.parametrize("length", [1300, 2048, 5000])
@pytest.mark.parametrize("subset", sorted(set(GENERATED) - set(IN_LINES)))
def test_lengths_are_filled_to_a_word(subset: str, length: int, count: Callable[[str], int]) -> None:
    for request in take(subset, length, count=count):
        assert length - 30 < used(request, count) <= length


@given(length=st.integers(1100, 3000), subset=st.sampled_from(GENERATED), seed=st.integers(0, 10**6))
def test_no_length_is_ever_exceeded(length: int, subset: str, seed: int) -> None:
    for request in take(subset, length, seed, k=2, count=by_pieces):
        assert used(request, by_pieces) <= length


@pytest.mark.parametrize("count", [by_words, by_pieces])
@pytest.mark.parametrize("subset", ALL)
def test_too_short_a_length_names_one_that_works(subset: str, count: Callable[[str], int]) -> None:
    with pytest.raises(UsageError, match=rf"ruler/{subset} does not fit .* raise --search-max-context-length") as error:
        RULER.requests(subset, Lengths(100, count), 3)
    shortest = int(re.findall(r"that works is (\d+)", str(error.value))[0])
    assert all(used(request, count) <= shortest for request in take(subset, shortest, 3, k=100, count=count))
    with pytest.raises(UsageError, match=f"that works is {shortest}"):
        RULER.requests(subset, Lengths(shortest - 1, count), 3)


@pytest.mark.parametrize("subset", GENERATED)
def test_a_tokenizer_that_counts_nothing_is_no_endless_loop(subset: str) -> None:
    (request,) = take(subset, 600, k=1, count=lambda text: 0)
    assert request.context.count("\n") <= 1200


@given(
    costs=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    limit=st.integers(0, 900),
    guess=st.none() | st.integers(-5, 80),
    unit=st.none() | st.floats(0.1, 50),
)
def test_the_largest_fitting_number_is_found_from_any_guess(
    costs: list[int], limit: int, guess: int | None, unit: float | None
) -> None:
    asked: list[int] = []

    def cost(units: int) -> int:
        asked.append(units)
        return sum(costs[:units])

    expected = max((n for n in range(1, len(costs) + 1) if sum(costs[:n]) <= limit), default=None)
    assert largest_fitting(cost, limit, 1, len(costs), guess, unit) == expected
    assert len(asked) == len(set(asked)) <= 15


@pytest.mark.parametrize("subset", ALL)
def test_full_requests_take_few_counts(subset: str) -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return by_pieces(text)

    requests = RULER.requests(subset, Lengths(8000, count), 0)
    next(requests)
    assert len([text for text in counted if len(text) > 20_000]) <= 15
    counted.clear()
    list(islice(requests, 10))
    assert len(counted) <= 40
