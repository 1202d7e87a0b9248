"""No worker spans two machines, and as many threads as there is room for are used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_core.workers.division import divide, workers_that_fit


@pytest.mark.parametrize(
    ("cores", "size", "threads", "expected"),
    [
        ([8], None, None, (8, 1)),
        ([8], 2, None, (2, 4)),
        ([8], 3, None, (3, 2)),
        ([8], None, 3, (2, 3)),
        ([8], 2, 1, (2, 1)),
        ([2], 5, None, (5, 1)),
        ([2], None, 4, (1, 4)),
        ([2, 2, 2], 2, None, (2, 2)),
        ([4, 2], 2, None, (2, 2)),
        ([5, 3], 3, None, (3, 2)),
        ([4, 2, 0], None, 4, (1, 4)),
        ([0], 1, None, (1, 1)),
        ([], None, None, (1, 1)),
    ],
)
def test_division(cores: list[int], size: int | None, threads: int | None, expected: tuple[int, int]) -> None:
    assert divide(cores, size, threads) == expected


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(1, 12))
def test_threads_that_are_chosen_fit_and_no_more_would(cores: list[int], size: int) -> None:
    _, threads = divide(cores, size, None)
    assert threads == 1 or workers_that_fit(cores, threads) >= size
    assert workers_that_fit(cores, threads + 1) < size
