"""RULER: requests fill any length, by any tokenizer, with few counts."""

import re
from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_benchmarks_builtin.generating.fit import largest_fitting
from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_benchmarks_builtin.ruler.subsets import SUBSETS
from sparse_hub_core.benchmark import Lengths, Request
from sparse_hub_core.data.source import DataSource
from sparse_hub_core.errors import UsageError

ALL = tuple(subset.name for subset in SUBSETS)
GENERATED = tuple(subset.name for subset in SUBSETS if subset.generated)
IN_LINES = ("niah_single_1", "niah_multikey_2", "niah_multikey_3", "vt")
RULER = Ruler(DataSource("sample"))


def by_words(text: str) -> int:
    return len(text.split())


def by_pieces(text: str) -> int:
    """Counts about as a subword tokenizer does."""
    return len(re.findall(r"[a-z]{1,4}|[A-Z]{1,2}|\d{1,3}|\S", text))


def take(
    subset: str, length: int = 2048, seed: int = 0, k: int = 4, count: Callable[[str], int] = by_words
) -> list[Request]:
    return list(islice(RULER.requests(subset, Lengths(length, count), seed), k))


def used(request: Request, count: Callable[[str], int]) -> int:
    (question,) = request.questions
    return count(request.context + question.text + question.answer_prefix) + question.max_new_tokens


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
