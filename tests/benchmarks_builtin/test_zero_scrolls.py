"""ZeroSCROLLS: prompts from the rows, hidden answers, the metrics of its subsets."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sparse_hub_benchmarks_builtin import register_benchmarks
from sparse_hub_benchmarks_builtin.zero_scrolls.benchmark import ZeroScrolls
from sparse_hub_benchmarks_builtin.zero_scrolls.rouge import rouge
from sparse_hub_benchmarks_builtin.zero_scrolls.subsets import SUBSETS
from sparse_hub_core import DataError, DataSource, Lengths, Question, Request, UsageError
from sparse_hub_core.data.parts import part_of

NAMES = tuple(subset.name for subset in SUBSETS)
ROUGE = ("gov_report", "summ_screen_fd", "qmsum", "squality")
SAMPLE = ZeroScrolls(DataSource("sample"))
LENGTHS = Lengths(512, len)


@cache
def requests(subset: str) -> tuple[Request, ...]:
    return tuple(SAMPLE.requests(subset, LENGTHS, 0))


def sample_rows(subset: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE.sample_folder / f"{subset}.jsonl").read_text().splitlines()]


def from_folder(folder: Path, subset: str, *rows: Mapping[str, Any]) -> list[Request]:
    """Return the requests of rows that lie in a folder, each a change of the sample's first one."""
    (first, *_) = sample_rows(subset)
    text = "\n".join(json.dumps(first | row) for row in rows)
    (folder / f"{subset}.jsonl").write_text(text)
    return list(ZeroScrolls(DataSource("folder", folder)).requests(subset, LENGTHS, 0))


def question(subset: str, *references: str) -> Question:
    return Question("?", references, details={"subset": subset})


def test_the_ten_official_tasks_are_registered() -> None:
    registered: dict[str, Any] = {}
    register_benchmarks(lambda name, ref, **about: registered.update({name: about}))  # type: ignore[arg-type]
    assert registered["zero_scrolls"]["subsets"] == SUBSETS
    official = "gov_report summ_screen_fd qmsum squality qasper narrative_qa quality musique space_digest book_sum_sort"
    assert tuple(official.split()) == NAMES
    assert all("hidden" in subset.summary for subset in SUBSETS)


@pytest.mark.parametrize("subset", NAMES)
def test_the_prompt_is_the_original_input(subset: str) -> None:
    inputs = {row["input"] for row in sample_rows(subset)}
    limits = {row["max_new_tokens"] for row in sample_rows(subset)}
    asked = [(request, question) for request in requests(subset) for question in request.questions]
    assert {request.context + question.text + question.answer_prefix for request, question in asked} == inputs
    assert {question.max_new_tokens for _, question in asked} == limits
    for request, question in asked:
        assert re.fullmatch(r"[A-Z][A-Za-z ]+:\n", question.answer_prefix)
        assert re.match(r"You are (given|provided) .+\n\n[A-Z].+:\n", request.context)
        assert not request.context.endswith("\n")


@pytest.mark.parametrize("header", [None, "", "something else"])
def test_without_the_original_input_the_header_stands_on_a_line_of_its_own(tmp_path: Path, header: str | None) -> None:
    (request,) = from_folder(tmp_path, "qasper", {"input": header})
    assert request.questions[0].text.endswith("\n\n")
    assert request.questions[0].answer_prefix == "Answer:\n"


@pytest.mark.parametrize("subset", NAMES)
def test_the_sample_has_contexts_for_both_parts(subset: str) -> None:
    parts = [part_of(request) for request in requests(subset)]
    assert len(parts) >= 8
    assert min(parts.count("search"), parts.count("validation")) >= 2
    assert len({request.id for request in requests(subset)}) == len(parts)
    asked = [question for request in requests(subset) for question in request.questions]
    assert (len(asked) > len(parts)) == (subset in {"qmsum", "squality", "qasper", "narrative_qa", "quality"})
    assert any(len(question.references) > 1 for question in asked) == (subset in {"squality", "qasper", "narrative_qa"})
    if subset != "quality":
        assert not [q for q in asked for one in q.references if one.lower() in (q.text + q.answer_prefix).lower()]


@pytest.mark.parametrize("subset", NAMES)
def test_gold_answers_score_full_and_none_scores_nothing(subset: str) -> None:
    for request in requests(subset):
        for asked in request.questions:
            assert SAMPLE.score(SAMPLE.perfect_prediction(asked), asked) == pytest.approx(100)
            assert SAMPLE.score("", asked) == 0
            (about,) = [one for one in SUBSETS if one.name == subset]
            assert tuple(SAMPLE.other_scores("some words", asked)) == about.other_metrics


@pytest.mark.parametrize("hidden", [{"answer": "", "output": None}, {"answer": None, "output": ""}, {"answer": []}])
@pytest.mark.parametrize("subset", ["gov_report", "qasper", "quality"])
def test_a_hidden_answer_gives_no_score(tmp_path: Path, subset: str, hidden: Mapping[str, Any]) -> None:
    (request,) = from_folder(tmp_path, subset, {"output": None} | hidden)
    (asked,) = request.questions
    assert asked.references == ()
    assert SAMPLE.score("anything", asked) is None
    assert SAMPLE.other_scores("anything", asked) == {}


@pytest.mark.parametrize(
    "rows",
    [
        [{"answer": "one"}, {"answer": "two"}, {"answer": "one"}],
        [{"answer": "", "output": "one"}, {"answer": "", "output": "two"}],
        [{"answer": ["one", "two"]}],
    ],
)
def test_rows_that_differ_in_their_answer_alone_are_one_question(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    (request,) = from_folder(tmp_path, "qasper", *rows)
    (asked,) = request.questions
    assert asked.references == ("one", "two")
    assert SAMPLE.score("Two!", asked) == 100


def test_rows_of_other_tasks_are_left_out(tmp_path: Path) -> None:
    (request,) = from_folder(tmp_path, "qasper", {"task": "musique", "context": "other"}, {})
    assert request.context != "other"
    with pytest.raises(UsageError, match="no row whose task is 'qasper'"):
        from_folder(tmp_path, "qasper", {"task": "musique"})


def test_answers_may_be_null_and_their_column_may_not_be_missing(tmp_path: Path) -> None:
    row = {"context": "c", "question": "q", "task": "qasper", "answer": None, "answer_prefix": None}
    (tmp_path / "qasper.jsonl").write_text(json.dumps(row))
    benchmark = ZeroScrolls(DataSource("folder", tmp_path))
    (request,) = benchmark.requests("qasper", LENGTHS, 0)
    assert request.questions[0].references == ()
    (tmp_path / "qasper.jsonl").write_text(json.dumps(row | {"answer": 5}))
    (request,) = benchmark.requests("qasper", LENGTHS, 0)
    assert request.questions[0].references == ("5",)
    del row["answer"]
    (tmp_path / "qasper.jsonl").write_text(json.dumps(row))
    with pytest.raises(DataError, match="lacks the column 'answer', which is null where an answer is hidden"):
        benchmark.requests("qasper", LENGTHS, 0)


def test_an_unknown_subset_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'squality'"):
        SAMPLE.requests("squallity", LENGTHS, 0)


@pytest.mark.parametrize("subset", NAMES)
@pytest.mark.parametrize(
    "prediction", ["\x00\udcff", "9" * 5000 + "%", "1, " * 3000, string.printable, "]" * 999, "A" * 9999]
)
def test_any_prediction_gets_a_finite_score(subset: str, prediction: str) -> None:
    asked = requests(subset)[0].questions[0]
    scores = [SAMPLE.score(prediction, asked), *SAMPLE.other_scores(prediction, asked).values()]
    assert all(score is not None and 0 <= score <= 100 for score in scores)


def test_rouge_is_computed_once_for_a_score_and_what_is_beside_it() -> None:
    asked = question("qmsum", "a b", "c")
    rouge.cache_clear()
    SAMPLE.score("a", asked)
    SAMPLE.other_scores("a", asked)
    assert rouge.cache_info().misses == 1


def test_the_best_over_references_counts() -> None:
    assert SAMPLE.score("B", question("quality", "A", "B")) == 100
    assert SAMPLE.score("70%", question("space_digest", "60%", "90%")) == 50
