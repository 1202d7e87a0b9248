"""LongBench v2: the official extraction of answers, prompts, and strata that may be empty."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_benchmarks_builtin.longbench_v2.benchmark import LongBenchV2
from sparse_hub_benchmarks_builtin.longbench_v2.metric import extract_answer
from sparse_hub_core import DataSource, Lengths, Question, UsageError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "longbench_v2.json").read_text(encoding="utf-8"))
RECORDS = GOLDEN["records"]["extract_answer"]
LENGTHS = Lengths(2048, lambda text: len(text.split()))
INSTRUCTION = 'Format your response as follows: "The correct answer is (insert answer here)".'


def questions_of(subset):
    requests = LongBenchV2(DataSource("sample")).requests(subset, LENGTHS, seed=0)
    return [question for request in requests for question in request.questions]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: ascii(record["prediction"])[:30])
def test_extraction_is_the_official_one(record):
    assert extract_answer(record["prediction"]) == record["extracted"]
    question = Question("", (record["answer"],))
    assert LongBenchV2().score(record["prediction"], question) == 100 * record["score"]


@given(st.text())
def test_any_text_is_scored(prediction):
    assert LongBenchV2().score(prediction, Question("", ("A",))) in (0.0, 100.0)


@pytest.mark.parametrize(
    ("subset", "ending", "max_new_tokens"),
    [("0shot", INSTRUCTION, 128), ("cot", INSTRUCTION + "\n\nLet’s think step by step:", 1024)],  # noqa: RUF001
)
def test_sample(subset, ending, max_new_tokens):
    benchmark = LongBenchV2()
    questions = questions_of(subset)
    assert len(questions) == 12
    assert {question.strata["difficulty"] for question in questions} == {"easy", "hard"}
    assert {question.references for question in questions} == {("A",), ("B",), ("C",), ("D",)}
    for question in questions:
        # The user says the instruction; the model's turn starts empty, as in the official prompt.
        assert question.text.endswith(f"\n\n{ending}")
        assert question.answer_prefix == ""
        assert question.max_new_tokens == max_new_tokens
        assert question.strata["length"] == "short"
        assert benchmark.score(benchmark.perfect_prediction(question), question) == 100.0
        assert benchmark.score("", question) == 0.0


def test_an_unknown_subset_is_refused_before_the_first_request():
    with pytest.raises(UsageError, match="longbench_v2 has no subset 'zero'"):
        LongBenchV2(DataSource("sample")).requests("zero", LENGTHS, seed=0)


def test_the_unpinned_revision_is_declared():
    assert (LongBenchV2().dataset("cot").revision == "main") == bool(LongBenchV2.known_failures)
