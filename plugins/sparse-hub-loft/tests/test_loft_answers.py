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


PREFIXED_OR_JOINED = ("[b'a']", "[('a',)]", "[('a')]", "[{'a'}]", "[{'a': 1}]", "[" * 25 + "]" * 25)
NUMBERS = ("[- 1]", "[0x1]", "[1e3]", "[1_000]", "[00]", "[1j]", "[1+2j]", "[...]", f"[{'9' * 301}]")
COMMENTS = ("[-2]# c]", "['a'] # [1]")


@pytest.mark.parametrize("text", [*PREFIXED_OR_JOINED, *NUMBERS, *COMMENTS])
def test_rarer_notations_are_refused_although_python_has_them(text: str) -> None:
    assert official(text)
    assert read_list(text) is None


@pytest.mark.parametrize(("text", "kept"), [(r"['\101']", r"\101"), (r"['\N{BULLET}']", r"\N{BULLET}")])
def test_rarer_escapes_are_kept_as_they_are_written(text: str, kept: str) -> None:
    assert read_list(text) == (kept,)
    assert ours(text) != official(text)


@pytest.mark.parametrize("text", ["['b',\u00a0'c']", "['b',\x0b'c']", "['b\rc']", "['b\x00c']", "['b\ud800c']"])
def test_rare_characters_are_read_although_python_refuses_them(text: str) -> None:
    assert official(text) == []
    assert read_list(text)


@pytest.mark.parametrize("text", ["[[True]]", "[[1, 2.50, None]]", "[[[-1]]]"])
def test_inner_lists_are_scored_alike(text: str) -> None:
    assert read_list(text) != tuple(map(str, ast.literal_eval(text)))
    assert ours(text) == official(text)


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
