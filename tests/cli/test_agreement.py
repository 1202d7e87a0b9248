"""What agreeing with a result card means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cards_by_hand import NUM, SPARSE, best, changed, interval, rescored, write_run

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.agreement import agreement
from sparse_hub_core.report.card import card_markdown
from sparse_hub_core.report.making_cards import make_card, validated_winners
from sparse_hub_core.results.card import Card


@pytest.fixture
def card(tmp_path: Path) -> Card:
    (winner,) = validated_winners(write_run(tmp_path, best()))
    return make_card(winner, load_registry())


def test_the_same_again_is_reproduced_to_the_bit(card: Card) -> None:
    found = agreement(card, card)
    assert (found.verdict, found.unlike) == ("reproduced to the bit", [])
    assert (found.same_dense, found.same_sparse, found.questions_shared) == (NUM, NUM, NUM)


def test_a_few_other_answers_agree_within_noise(card: Card) -> None:
    other = list(SPARSE)
    other[1], other[4] = 0.0, 100.0
    found = agreement(card, rescored(card, other, digest="a" * 64))
    assert found.verdict == "agrees"
    assert (found.same_sparse, found.same_dense) == (NUM - 2, NUM)
    assert found.sparse_difference is not None
    assert found.sparse_difference.low < 0 < found.sparse_difference.high


def test_a_difference_that_only_its_test_calls_noise_is_no_agreement(card: Card) -> None:
    other = list(SPARSE)
    for place in [place for place, score in enumerate(SPARSE) if score == 100.0][:5]:
        other[place] = 0.0
    found = agreement(card, rescored(card, other, digest="a" * 64))
    assert found.sparse_difference is not None
    assert found.sparse_difference.high < 0
    assert found.verdict == "cannot tell whether it agrees"
    assert not found.is_reproduced


def test_answers_that_are_much_worse_do_not_agree(card: Card) -> None:
    found = agreement(card, rescored(card, [0.0] * NUM, digest="a" * 64))
    assert found.verdict == "does not agree"
    assert "more than noise" in found.sentence


def test_other_last_digits_of_errors_still_agree(card: Card) -> None:
    assert agreement(card, changed(card, "results.error_mean", 0.2000001)).verdict == "agrees"
    assert agreement(card, changed(card, "results.error_mean", 0.3)).verdict == "does not agree"
    assert agreement(card, changed(card, "results.density", 0.12)).verdict == "does not agree"


def test_a_card_whose_scores_were_changed_does_not_agree(card: Card) -> None:
    better = [100.0] * NUM
    assert "scores 5 of 20 otherwise" in agreement(rescored(card, better), card).sentence
    alone = changed(card, "results.sparse.mean", 100.0)
    assert "contradicts itself" in agreement(alone, card).sentence
    fewer = changed(card, "results.dense.n", 200)
    assert "is of 200 questions in 20 requests, but it lists 20 in 20" in agreement(fewer, card).sentence
    apart = changed(card, "results.difference.mean", 1.0)
    assert "its difference is 1, but its two scores are -25 apart" in agreement(apart, card).sentence
    narrow = changed(card, "results.difference.low", -25.01)
    assert "the difference they give here is -25 [-30, -20]" in agreement(narrow, card).sentence
    certain = changed(changed(card, "results.test", "a test"), "results.p_value", 0.001)
    drawn = changed(certain, "results.p_value", 0.0625)
    assert "their p-value here is 0.0625" in agreement(certain, drawn).sentence
    assert agreement(changed(drawn, "results.p_value", 0.065), drawn).verdict == "reproduced to the bit"
    lowered = changed(drawn, "results.adjusted_p", 0.01)
    assert "its adjusted p-value is 0.01, but by itself it is 0.0625" in agreement(lowered, drawn).sentence
    assert "it has none by itself" in agreement(changed(card, "results.adjusted_p", 0.01), card).sentence
    raised = changed(drawn, "results.adjusted_p", 0.125)
    assert agreement(raised, drawn).verdict == "reproduced to the bit"
    twice = changed(card, "questions.1.request_id", "r0")
    assert "names a question twice" in agreement(twice, card).sentence
    for edited in (rescored(card, better), alone, fewer, apart, narrow, lowered, twice):
        assert agreement(edited, card).verdict == "does not agree"


def test_only_shared_questions_are_compared(card: Card) -> None:
    content = card.model_dump(mode="json")
    content["questions"] = content["questions"][:8]
    content["results"] |= {"sparse": interval(SPARSE[:8]).model_dump(), "density": 0.5}
    fewer = Card.model_validate_json(json.dumps(content))
    found = agreement(card, fewer)
    assert (found.verdict, found.questions_shared) == ("agrees", 8)
    assert "8 questions that both answered" in found.sentence
    assert found.sentence.endswith("8 requests can only show large differences.")
    for question in content["questions"]:
        question["request_id"] += "x"
    assert "no question of the card" in agreement(card, Card.model_validate_json(json.dumps(content))).sentence


def test_a_card_does_not_set_the_scale_by_which_it_is_judged(card: Card) -> None:
    worse = rescored(card, [0.0] * NUM, digest="a" * 64)
    found = agreement(changed(card, "task.score_range", [-1e9, 1e9]), worse)
    assert found.verdict == "does not agree"
    assert found.unlike == ["range of the scores: [0.0, 100.0] here, [-1000000000.0, 1000000000.0] in the card"]


@pytest.mark.parametrize(
    ("where", "value", "flag"),
    [("validation.settings.max_new_tokens", 4, "--validation-max-new-tokens"), ("validation.seed", 1, "--seed")],
)
def test_other_settings_are_another_measurement(card: Card, where: str, value: Any, flag: str) -> None:
    found = agreement(card, changed(card, where, value))
    assert found.verdict == "another measurement"
    assert flag in found.sentence
    assert agreement(card, changed(card, "validation.settings.timeout", 1.0)).verdict == "reproduced to the bit"


def test_what_differs_beside_the_numbers_is_told_the_model_first(card: Card) -> None:
    here = changed(changed(card, "model.fingerprint", "e" * 16), "versions.torch", "3.0")
    here = changed(changed(here, "code.core", "c1"), "hardware.cpu_cores", 64)
    here = changed(here, "configuration.maskers.0.files", {"w.bin": "b" * 64})
    told = agreement(changed(card, "configuration.maskers.0.files", {"w.bin": "a" * 64}), here).unlike
    assert [sentence.partition(":")[0] for sentence in told] == [
        "content of the model",
        "digests of files",
        "code of core",
        "version of torch",
        "hardware, cpu_cores",
    ]
    assert told[3].endswith("3.0 here, 2.13 in the card")


def test_where_no_answer_is_published_the_answers_themselves_are_compared(card: Card) -> None:
    content = card.model_dump(mode="json")
    for question in content["questions"]:
        question |= {"dense_score": None, "sparse_score": None}
    content["results"] |= {"dense": None, "sparse": None, "difference": None}
    hidden = Card.model_validate_json(json.dumps(content))
    assert agreement(hidden, hidden).verdict == "reproduced to the bit"
    assert "so there is no score" in card_markdown(hidden, load_registry())
    other = changed(hidden, "questions.0.sparse_sha256", "a" * 64)
    found = agreement(hidden, other)
    assert (found.verdict, "it rests on density and error alone" in found.sentence) == ("agrees", True)
    fewer = other.model_copy(update={"questions": other.questions[:8]})
    assert agreement(hidden, fewer).verdict == "another measurement"
