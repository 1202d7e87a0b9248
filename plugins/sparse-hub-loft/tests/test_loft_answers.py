"""Which answers are found in a prediction: those that the official code finds."""

from __future__ import annotations

import ast
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sparse_hub_loft.answer_list import predicted_answers, read_list
from sparse_hub_loft.normalise import normalise


def official(text: str) -> list[str]:
    """Return what Python makes of a list, as the official code compares it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return []
    return [normalise(str(answer)) for answer in answers]


def ours(text: str) -> list[str]:
    return [normalise(answer) for answer in read_list(text) or ()]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ("Final Answer: ['Paris']", ("Paris",)),
        ("TITLE: Paris | ID: 3\nFinal Answer: ['Paris', 'Rome']\n", ("Paris", "Rome")),
        ("**final answer**: [`'Paris'`]", ("Paris",)),
        ("['Paris']", ()),
        ("Final Answer: Paris", ()),
        ("Final Answer:\n['Paris']", ()),
        ("Final Answer: [Paris]", ()),
        ("Final Answer: [Paris]\nFinal Answer: ['Paris']", ()),
        ("Final Answer: ['a']\nFinal Answer: ['b']", ("a",)),
        ("Final Answer: ['the devil's sleep']", ("the devil's sleep",)),
        ('Final Answer: ["O\'Neil"]', ("O'Neil",)),
        ("Final Answer: [1871, 2.5, -3]", ("1871", "2.5", "-3")),
        ("Final Answer: ['a'], ['b', 'c']", ("['a']", "['b', 'c']")),
        ("Final Answer: [['a', 'b'], 'c']", ("['a', 'b']", "c")),
        ("Final Answer: ['a',]", ("a",)),
        ("Final Answer: []", ()),
        ("Final Answer: ] [", ()),
        ("Final Answer: ['a' 'b']", ("ab",)),
        ("Final Answer: ['caf\\u00e9', '\\x41\\n', '\\U0001f600']", ("caf\u00e9", "A\n", "\U0001f600")),
        ("", ()),
    ],
)
def test_answers_by_hand(said: str, answers: tuple[str, ...]) -> None:
    assert predicted_answers(said) == answers


@pytest.mark.parametrize(
    "text", ["['a'", "['a]", "[,]", "['a',,]", "['a']]", "[[]", "[007]", "['a']['b']", "[1 'a']", "]["]
)
def test_what_python_refuses_is_refused(text: str) -> None:
    assert official(text) == []
    assert read_list(text) is None


@pytest.mark.parametrize("text", ["[b'a']", "[- 1]", "[0x1]", "[1e3]", "[('a',)]", "[{'a'}]", "[" * 25 + "]" * 25])
def test_rarer_notations_are_refused_although_python_has_them(text: str) -> None:
    assert read_list(text) is None


VALUES = (
    st.text() | st.integers(-(10**20), 10**20) | st.decimals(-999, 999, places=3).map(float) | st.none() | st.booleans()
)


@given(st.lists(VALUES | st.lists(VALUES, min_size=1, max_size=3), max_size=5))
def test_whatever_python_writes_is_read(values: list[object]) -> None:
    assert ours(repr(values)) == official(repr(values))


@given(st.text("['\",] ky1\\", max_size=12))
def test_anything_like_a_list_is_read_as_python_does(inside: str) -> None:
    assume(not any(rare in inside for rare in ("'''", '"""', r"\1")))
    assert ours(f"[{inside}]") == official(f"[{inside}]")
