"""AIME: every golden record by both rules, prompts without a context, problems for both parts."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from sparse_hub_benchmarks_builtin.aime.benchmark import INSTRUCTION, Aime, Aime2024, Aime2025
from sparse_hub_benchmarks_builtin.aime.extraction import rule_2024, rule_2025
from sparse_hub_core import DataSource, Lengths, Question, UsageError
from sparse_hub_core.data.parts import part_of

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "golden" / "aime.json").read_text("utf-8"))
YEARS = {"rule_2024": (rule_2024, Aime2024()), "rule_2025": (rule_2025, Aime2025())}
SAMPLES = (Aime2024(DataSource("sample")), Aime2025(DataSource("sample")))
LENGTHS = Lengths(512, len)


def asked(answer: str) -> Question:
    return Question("?", (answer,))


def test_all_golden_records_are_here() -> None:
    assert len(GOLDEN) == 30


@pytest.mark.parametrize("rule", YEARS)
@pytest.mark.parametrize("record", GOLDEN, ids=lambda record: f"{record['prediction']!r:.30}")
def test_the_rule_is_that_of_the_golden_records(record: dict[str, Any], rule: str) -> None:
    extract, benchmark = YEARS[rule]
    assert extract(record["prediction"]) == record[rule]["extracted"]
    assert benchmark.score(record["prediction"], asked(record["answer"])) == record[rule]["score"]


@pytest.mark.parametrize(
    ("prediction", "in_2024", "in_2025"),
    [
        ("\\boxed{7} \\boxed{}", "", "7"),
        ("\\boxed{} 7", "", "7"),
        ("The solution: 012", "12", "012"),
        ("the answer is 1000, so the answer is 42 or the solution is 2000", "42", "42"),
        ("5 of 6\nand 1000", "5", "6"),
        ("of 1000 and 9\nof 8 and 1000", "8", "9"),
        ("\\boxed{000}", "0", "000"),
        ("\\boxed{" + "9" * 5000 + "}", "9" * 5000, "9" * 5000),
        ("9" * 5000, "", ""),
        ("answer is " + "9" * 5000 + "\n 6", "6", "6"),
        ("\\boxed{\u00b2}", "\u00b2", ""),
        ("\\boxed{\u0663}", "3", "\u0663"),
    ],
    ids=lambda text: f"{text!r:.20}",
)
def test_extraction_by_hand(prediction: str, in_2024: str, in_2025: str) -> None:
    assert rule_2024(prediction) == in_2024
    assert rule_2025(prediction) == in_2025


@pytest.mark.parametrize(
    "hostile",
    [
        "\\boxed{" * 100_000,
        "\\boxed{" * 50_000 + "}" * 50_000,
        "1 " * 200_000,
        "so the answer " * 50_000,
        "\n" * 500_000,
    ],
    ids=lambda text: f"{text[:9]!r}",
)
@pytest.mark.parametrize("rule", YEARS)
def test_long_predictions_take_no_time(hostile: str, rule: str) -> None:
    extract, benchmark = YEARS[rule]
    started = time.thread_time()
    extract(hostile)
    assert benchmark.score(hostile, asked("999")) == 0
    assert time.thread_time() - started < 4


@pytest.mark.parametrize(("benchmark", "year"), [(Aime2024, 1), (Aime2025, 0)])
def test_leading_zeros_of_an_answer_count_in_2025_alone(benchmark: type[Aime], year: int) -> None:
    assert benchmark().score("\\boxed{33}", asked("033")) == year
    assert benchmark().score("\\boxed{033}", asked("033")) == 1


@pytest.mark.parametrize("benchmark", SAMPLES, ids=lambda benchmark: benchmark.name)
def test_a_problem_is_asked_without_a_context(benchmark: Aime) -> None:
    requests = list(benchmark.requests("all", LENGTHS, 0))
    assert len({request.id for request in requests}) == len(requests) >= 12
    parts = [part_of(request) for request in requests]
    assert min(parts.count("search"), parts.count("validation")) >= 2
    for request in requests:
        (question,) = request.questions
        assert request.context == question.answer_prefix == ""
        assert question.text.endswith(f"\n\n{INSTRUCTION}")
        assert question.max_new_tokens == 32_000
        assert re.fullmatch(r"\d{1,3}", question.references[0])
        assert benchmark.score(benchmark.perfect_prediction(question), question) == 1
        assert benchmark.score("", question) == 0


@pytest.mark.parametrize("benchmark", SAMPLES, ids=lambda benchmark: benchmark.name)
def test_an_unknown_subset_is_refused_with_a_suggestion(benchmark: Aime) -> None:
    with pytest.raises(UsageError, match=f"{benchmark.name} has no subset 'al'; did you mean 'all'"):
        benchmark.requests("al", LENGTHS, 0)
