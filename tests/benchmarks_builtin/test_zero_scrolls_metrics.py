"""ZeroSCROLLS' metrics: the official evaluator's own example, cases worked by hand, and what holds for any text."""

from __future__ import annotations

import re
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from sparse_hub_benchmarks_builtin.zero_scrolls.accuracy import same_letter
from sparse_hub_benchmarks_builtin.zero_scrolls.concordance_index import concordance_index, ids
from sparse_hub_benchmarks_builtin.zero_scrolls.exponential_similarity import exponential_similarity, first_percentage
from sparse_hub_benchmarks_builtin.zero_scrolls.rouge import MAX_CHARACTERS, TYPES, geometric_mean, rouge
from sparse_hub_benchmarks_builtin.zero_scrolls.transliterated_f1 import to_ascii, transliterated_f1

OFFICIAL_EXAMPLE = (
    ("exact match example", ("exact match example",)),
    ("hello there", ("hello", "hi there")),
    ("general kenobi", ("commander kenobi",)),
)
"""What the docstring of the official evaluator shows, with the figures that it prints."""


def test_rouge_is_that_of_the_official_example() -> None:
    scores = [rouge(prediction, references) for prediction, references in OFFICIAL_EXAMPLE]
    means = {kind: 100 * fmean(score[kind] for score in scores) for kind in TYPES}
    assert means == pytest.approx({"rouge1": 72.2222, "rouge2": 33.3333, "rougeL": 72.2222}, abs=5e-5)
    assert geometric_mean(means) == pytest.approx(55.8136, abs=5e-5)


def test_f1_is_that_of_the_official_example() -> None:
    best = [max(transliterated_f1(said, one) for one in references) for said, references in OFFICIAL_EXAMPLE]
    assert 100 * fmean(best) == pytest.approx(72.2222, abs=5e-5)


def test_rouge_takes_the_best_reference_for_each_type_and_does_not_stem() -> None:
    # By hand: against "a b x" 2 of 3 words and 1 of 2 pairs, against "c b a" 3 of 3, no pair, and one in order.
    assert rouge("a b c", ("a b x", "c b a")) == pytest.approx({"rouge1": 1, "rouge2": 1 / 2, "rougeL": 2 / 3})
    assert rouge("the ships sailed", ("ship sails",))["rouge1"] == 0
    assert geometric_mean({"rouge1": 0.5, "rouge2": 0, "rougeL": 0.5}) == 0
    assert geometric_mean({"rouge1": 0.1, "rouge2": 0.8, "rougeL": 0.1}) == pytest.approx(0.2)


def test_rouge_looks_at_no_more_than_an_answer_can_be_long() -> None:
    # Uncut, the table of ROUGE-L would have a million times 200 cells.
    assert rouge("x " * 1_000_000 + "cat", ("cat " * 200,)) == dict.fromkeys(TYPES, 0)
    assert rouge("-" * (MAX_CHARACTERS - 3) + "cat", ("cat",))["rougeL"] == 1


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=9))
def test_the_mean_of_geometric_means_is_never_above_the_official_figure(scores: list[tuple[float, ...]]) -> None:
    ours = fmean(geometric_mean(dict(zip(TYPES, score, strict=True))) for score in scores)
    means = [fmean(column) for column in zip(*scores, strict=True)]
    assert ours <= geometric_mean(dict(zip(TYPES, means, strict=True))) + 1e-9


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("The cat!", "a cat", 1),
        ("cat", "dog", 0),
        ("", "", 0),
        ("unanswerable", "Unanswerable.", 1),
        ("red cat sat", "cat", 1 / 2),
        ("Caf\u00e9 M\u00fcnchen", "cafe munchen", 1),
        ("Stra\u00dfe", "strasse", 1),
        ("\u0141\u00f3d\u017a", "lodz", 1),
        ("it\u2019s", "its", 0),
        ("\u03b1\u03b2", "\u03b1\u03b2", 1),
    ],
)
def test_f1_by_hand(prediction: str, reference: str, expected: float) -> None:
    assert transliterated_f1(prediction, reference) == pytest.approx(expected)


@given(st.text(st.characters(max_codepoint=0x17F)))
def test_transliteration_leaves_ascii_alone_and_is_done_after_one_pass(text: str) -> None:
    assert to_ascii(to_ascii(text)) == to_ascii(text)
    assert to_ascii(text) == text or not text.isascii()


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("B", "B", 1),
        ("(B) the garden", "B", 1),
        ("The answer is C.", "(C) the river", 1),
        ("b", "B", 0),
        ("Because", "B", 0),
        ("A good answer is B", "B", 0),
        ("E, then D", "D", 1),
        ("", "A", 0),
        ("none", "none", 0),
    ],
)
def test_accuracy_takes_the_first_letter_that_stands_alone(prediction: str, reference: str, expected: float) -> None:
    assert same_letter(prediction, reference) == expected


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("60%", 1),
        ("50%", 1 / 2),
        ("80%", 1 / 4),
        ("Out of 50, 20 are positive, so 40% are, 60% are not.", 1 / 4),
        ("60", 0),
        ("60 %", 0),
        ("about 65.0%", 0.5**0.5),
        ("60.%", 1),
        ("1.60%", 0.5**5.84),
        ("v1.2.60%", 0.5**5.74),
        ("100 percent or 60%", 1),
        ("%%60%", 1),
        ("9" * 400 + "%", 0),
    ],
)
def test_exponential_similarity_by_hand(prediction: str, expected: float) -> None:
    assert exponential_similarity(prediction, "60%") == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.text("0123.% a"))
def test_the_first_percentage_is_what_the_official_pattern_finds(text: str) -> None:
    match = re.search(r"\d+\.?\d*%", text)
    assert first_percentage(text) == (float(match.group()[:-1]) if match else None)


def test_a_long_run_of_digits_takes_no_time() -> None:
    assert first_percentage("1" * 1_000_000) is None
    assert first_percentage("1." * 100_000 + "%") == 1


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("1, 2, 3", 1),
        ("Order: 1,2,3.", 1),
        ("01 02 03", 1),
        ("3, 2, 1", 0),
        ("2, 1, 3", 2 / 3),
        ("1, 2", 0),
        ("1, 2, 2", 0),
        ("1, 2, 3, 4", 0),
        ("Summary 1, Summary 2, Summary 3", 1),
        ("1-2-3", 0),
        ("1. 2, 2. 1, 3. 3", 0),
        ("", 0),
        ("9" * 9999, 0),
    ],
)
def test_concordance_index_by_hand(prediction: str, expected: float) -> None:
    assert concordance_index(prediction, "1, 2, 3") == pytest.approx(expected)


def test_a_list_of_one_is_right_and_no_list_is_wrong() -> None:
    assert concordance_index("1", "1") == 1
    assert concordance_index("", "") == 0


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(*(st.permutations(range(1, n + 1)) for _ in range(2)))))
def test_concordance_is_kendalls_tau_on_another_scale(orders: tuple[list[int], list[int]]) -> None:
    wanted, found = orders
    places = [found.index(identity) for identity in wanted]
    tau = kendalltau(range(len(places)), places).statistic
    text, gold = (", ".join(map(str, order)) for order in (found, wanted))
    assert concordance_index(text, gold) == pytest.approx((tau + 1) / 2)
    backwards = ", ".join(map(str, reversed(wanted)))
    assert concordance_index(backwards, gold) == 0
    assert len(list(combinations(ids(gold), 2))) > 0
