"""LOFT's metrics: the official example predictions, cases worked by hand, and what holds for any answers."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sparse_hub_loft import multi_value, single_value
from sparse_hub_loft.loft import Loft
from sparse_hub_loft.normalise import normalise

from sparse_hub_core import Question

LOFT = Loft()
ANSWERS = st.lists(st.text("ab", max_size=3), min_size=1, max_size=4)


def scores(said: list[str], references: tuple[str, ...], multi: bool) -> tuple[float | None, ...]:
    question = Question("?", references, details={"multi_value": multi})
    prediction = f"Final Answer: {said!r}"
    return (LOFT.score(prediction, question), *LOFT.other_scores(prediction, question).values())


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Cat!", "cat"),
        ("a  b\tthe c", "b c"),
        ("Ta\u00edno", "tai\u0301no"),
        ("U.S.", "us"),
        ("\u2019", "\u2019"),
        ("The The", ""),
        ("theatre", "theatre"),
    ],
)
def test_normalising_by_hand(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("said", "references", "expected"),
    [
        (["the Ramones"], ("The Ramones",), (1, 1, 1)),
        (["in Spain"], ("Spain", "Ta\u00edno"), (1, 0, 2 / 3)),
        (["Spa"], ("Spain",), (0, 0, 0)),
        (["Glenn"], ("Glenn Close",), (0, 0, 2 / 3)),
        (["Rome", "Spain"], ("Spain",), (0, 0, 0)),
        (["Ta\u00edno"], ("Tai\u0301no",), (1, 1, 1)),
        ([], ("Spain",), (0, 0, 0)),
        (["2012"], ("September 13, 2012",), (0, 0, 1 / 2)),
    ],
)
def test_one_answer_by_hand(said: list[str], references: tuple[str, ...], expected: tuple[float, ...]) -> None:
    """Subspan EM, EM and F1."""
    assert scores(said, references, multi=False) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "references", "expected"),
    [
        (["Rome", "Oslo"], ("Oslo", "Rome"), (1, 1, 1)),
        (["Oslo"], ("Oslo", "Rome"), (0, 0, 1 / 2)),
        (["Rome", "Oslo", "Bonn"], ("Oslo", "Rome"), (1, 0, 1)),
        (["Rome Italy", "Oslo"], ("Oslo", "Rome"), (1, 0, 1 / 2)),
        (["Oslo and Rome"], ("Oslo", "Rome"), (0, 0, 0)),
        (["Sunshine"], ("Sunshine (1999 film)",), (1, 0, 0)),
        (["Oslo", "Oslo"], ("Oslo",), (1, 1, 1)),
        ([], ("Oslo",), (0, 0, 0)),
    ],
)
def test_several_answers_by_hand(said: list[str], references: tuple[str, ...], expected: tuple[float, ...]) -> None:
    """Subspan EM, EM and coverage."""
    assert scores(said, references, multi=True) == pytest.approx(expected)


def test_the_official_example_predictions() -> None:
    """Two of the pairs that google-deepmind/loft ships to show its evaluation."""
    assert scores(["Crisis of Conscience"], ("Crisis of Conscience",), multi=True) == (1, 1, 1)
    wrong = ["Boruto: Naruto the Movie", "Children Who Chase Lost Voices", "Moomins and the Comet Chase"]
    references = (
        "Lego Scooby-Doo! Blowout Beach Bash",
        "Scooby-Doo! and the Curse of the 13th Ghost",
        "The Magic Snowflake",
    )
    assert scores(wrong, references, multi=True) == (0, 0, 0)


@given(ANSWERS, ANSWERS)
def test_every_reference_needs_an_answer_of_its_own(answers: list[str], references: list[str]) -> None:
    """Held by trying every way to give each reference an answer, where the official code solves an assignment."""
    ways = permutations(answers, len(references))
    fits = any(all(r in a or a in r for r, a in zip(references, way, strict=True)) for way in ways)
    assert multi_value.subspan_em(answers, references) == fits


@given(ANSWERS, ANSWERS)
def test_metrics_keep_their_order(answers: list[str], references: list[str]) -> None:
    if multi_value.exact_match(answers, references):
        assert multi_value.coverage(answers, list(dict.fromkeys(references))) == 1
    assert single_value.exact_match(answers[0], references) <= single_value.subspan_em(answers[0], references)
    assert 0 <= single_value.f1(answers[0], references) <= 1


def test_references_are_moved_to_other_answers_where_that_helps() -> None:
    assert multi_value.subspan_em(["ab", "a"], ["a", "b"]) == 1
    assert multi_value.subspan_em(["abc", "ab", "a"], ["a", "b", "c"]) == 1
