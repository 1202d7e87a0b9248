"""The two parts of a task never share a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_core import Question, Request
from sparse_hub_core.data.parts import requests_of


def requests(contexts):
    for index, context in enumerate(contexts):
        yield Request(f"r{index}", context, (Question(f"What is number {index}?", ("x",)),))


@pytest.mark.parametrize("shared", [3, 20, 60])
def test_the_parts_are_disjoint_whatever_each_scans(shared):
    contexts = ["one text"] * shared + [f"text {index}" for index in range(60)]
    search = {request.id for request in requests_of(requests(contexts), "search", 50)}
    validation = {request.id for request in requests_of(requests(contexts), "validation", 100)}
    assert search
    assert validation
    assert not search & validation


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=40), st.integers(1, 40), st.integers(1, 40))
def test_no_request_is_in_both_parts(contexts, first, second):
    search = {request.id for request in requests_of(requests(contexts), "search", first)}
    assert not search & {request.id for request in requests_of(requests(contexts), "validation", second)}
