"""Comparing answers: which questions count, which test is used, and what is adjusted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sparse_hub_core.errors import UsageError
from sparse_hub_core.results.schema import PredictionLine
from sparse_hub_core.validation.comparison import Answers, adjusted, answers_of, compare, compare_all
from sparse_hub_core.validation.significance import MCNEMAR, SIGN_FLIP, holm, paired_test

PERCENT = (0.0, 100.0)


def answers(name: str, *requests: list[float]) -> Answers:
    return Answers(name, {(f"r{r}", q): score for r, scores in enumerate(requests) for q, score in enumerate(scores)})


def right(name: str, pattern: str) -> Answers:
    return answers(name, *([100.0 * int(mark)] for mark in pattern))


def test_right_or_wrong_answers_are_tested_by_mcnemar_on_the_discordant_pairs() -> None:
    found = compare(right("a", "0000000011"), right("b", "1111111101"), PERCENT)
    assert (found.test, found.only_first_right, found.only_second_right) == (MCNEMAR, 1, 8)
    assert found.p_value == found.adjusted_p == stats.binomtest(1, 9).pvalue
    assert (found.difference.mean, found.difference.n, found.difference.clusters) == (-70, 10, 10)
    assert found.is_told
    assert found.better() == "b"
    assert found.better(higher_is_better=False) == "a"


@pytest.mark.parametrize("size", [12, 40])
def test_the_sign_flip_test_is_scipys(size: int) -> None:
    rng = np.random.default_rng(size)
    first, second = rng.uniform(40, 90, size), rng.uniform(30, 85, size)
    found = paired_test([[x] for x in first], [[x] for x in second], PERCENT)
    expected = stats.permutation_test(
        (first - second,), np.sum, permutation_type="samples", vectorized=False, n_resamples=9999, rng=0
    )
    assert found.test == SIGN_FLIP
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9 if size <= 13 else 0.015)


def test_no_order_changes_a_p_value_that_is_drawn() -> None:
    rng = np.random.default_rng(2)
    first, second = ([[float(score)] for score in rng.normal(mean, 10, 40)] for mean in (53, 50))
    found = paired_test(first, second, PERCENT).p_value
    assert 0.01 < found < 0.99
    assert paired_test(first[::-1], second[::-1], PERCENT).p_value == found
    assert paired_test(second, first, PERCENT).p_value == found


def test_questions_about_one_context_are_one_piece_of_evidence() -> None:
    once = compare(right("a", "1" * 5), right("b", "0" * 5), PERCENT)
    many = compare(answers("a", *[[100.0] * 8] * 5), answers("b", *[[0.0] * 8] * 5), PERCENT)
    assert (many.test, many.only_first_right, many.only_second_right) == (SIGN_FLIP, 40, 0)
    assert many.p_value == pytest.approx(once.p_value) == 2 / 2**5


def test_only_shared_questions_are_compared_whatever_their_order() -> None:
    first = Answers("a", {("r2", 0): 10.0, ("r1", 1): 20.0, ("r1", 0): 30.0})
    second = Answers("b", {("r1", 0): 25.0, ("r1", 1): 20.0, ("r9", 0): 99.0})
    found = compare(first, second, PERCENT)
    assert (found.difference.mean, found.difference.n, found.difference.clusters) == (2.5, 2, 1)
    assert found == compare(Answers("a", dict(reversed(first.scores.items()))), second, PERCENT)


def test_answers_without_a_shared_question_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="a and b share no question"):
        compare(answers("a", [1.0]), Answers("b", {("other", 0): 1.0}), PERCENT)


def test_equal_answers_differ_by_nothing() -> None:
    found = compare(right("a", "1101"), right("b", "1101"), PERCENT)
    assert (found.p_value, found.is_told, found.better()) == (1.0, False, None)


def test_holm_is_as_in_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_several_are_adjusted_over_what_was_compared() -> None:
    strong, weak, none = right("strong", "0" * 12), right("weak", "0" * 6 + "1" * 6), right("none", "1" * 12)
    dense = right("dense", "1" * 12)
    found = adjusted([compare(one, dense, PERCENT) for one in (strong, weak, none)])
    assert [(one.first, one.second, one.family) for one in found] == [
        (n, "dense", 3) for n in ("strong", "weak", "none")
    ]
    assert [one.adjusted_p for one in found] == pytest.approx([3 * 2 / 2**12, 2 * 2 / 2**6, 1.0])
    assert compare(weak, dense, PERCENT).is_told
    assert [one.is_told for one in found] == [True, False, False]
    pairs = compare_all([strong, weak, none], PERCENT)
    assert [(one.first, one.second) for one in pairs] == [("strong", "weak"), ("strong", "none"), ("weak", "none")]


def test_predictions_are_read_for_either_side_without_hidden_answers() -> None:
    common = {"references": [], "dense_prediction": "", "sparse_prediction": "", "num_tokens": 1, "truncated": False}
    lines = [
        PredictionLine(request_id="r", question_index=i, dense_score=score, sparse_score=score and score / 2, **common)
        for i, score in enumerate([80.0, None, 0.0])
    ]
    assert answers_of(lines) == Answers("sparse", {("r", 0): 40.0, ("r", 2): 0.0})
    assert answers_of(lines, "dense", "baseline") == Answers("baseline", {("r", 0): 80.0, ("r", 2): 0.0})
