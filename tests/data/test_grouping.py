"""Rows about one context become one request."""

from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_core import Question, group_by_context


def read(row):
    return row["context"], Question(row["question"], (row["answer"],))


def rows(pairs):
    return [{"context": context, "question": question, "answer": "a"} for context, question in pairs]


def test_questions_about_one_context_are_one_request_in_the_order_of_their_first_row():
    found = list(group_by_context("qa", rows([("A", "1"), ("B", "2"), ("A", "3")]), read))
    assert [(request.context, [q.text for q in request.questions]) for request in found] == [
        ("A", ["1", "3"]),
        ("B", ["2"]),
    ]


def test_rows_without_a_context_are_a_request_each():
    found = list(group_by_context("aime", rows([("", "same"), ("", "same"), ("", "other")]), read))
    assert [len(request.questions) for request in found] == [1, 1, 1]
    assert len({request.id for request in found}) == 3


@given(st.lists(st.tuples(st.sampled_from(["", "A", "B", "C"]), st.text(max_size=3))))
def test_ids_are_unique_and_no_question_is_lost(pairs):
    found = list(group_by_context("x", rows(pairs), read))
    assert len({request.id for request in found}) == len(found)
    assert sorted(q.text for request in found for q in request.questions) == sorted(question for _, question in pairs)


def test_ids_belong_to_the_context_and_not_to_its_place():
    first, second = (
        {request.context: request.id for request in group_by_context("x", rows(pairs), read)}
        for pairs in ([("A", "1"), ("B", "2")], [("B", "2"), ("A", "1")])
    )
    assert first == second
