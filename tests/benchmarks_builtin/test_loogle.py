"""LooGLE: prompts from the rows, one request per document, which scores a question gets."""

from __future__ import annotations

import json
import re
import string
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sparse_hub_benchmarks_builtin.loogle.benchmark import LooGLE
from sparse_hub_benchmarks_builtin.loogle.bert_score import MODEL_VARIABLE
from sparse_hub_benchmarks_builtin.loogle.subsets import SUBSETS
from sparse_hub_core import DataSource, Lengths, Request, UsageError
from sparse_hub_core.data.parts import part_of

NAMES = tuple(subset.name for subset in SUBSETS)
CLOZE = "shortdep_cloze"
SAMPLE = LooGLE(DataSource("sample"))
LENGTHS = Lengths(512, len)
QA = "Please answer the question based on the long texts below. \n{input}\nQuestion: {Q}\nAnswer: "
OFFICIAL_PROMPT = {
    "shortdep_qa": QA,
    "longdep_qa": QA,
    "longdep_summarization": "Please generate a summary of the below paper. \n{input}\n Summarization: ",
    CLOZE: "Please fill in the clozes based on the given long texts below. Each of the placeholder '<mask-n>' in the "
    "question could be an entity of Person, Location or Organiocation. The same masks represent the same entity. "
    "Output a json format answer, for example: {{'<mask-0>': 'Bob', '<mask-1>': 'Gorrosion Magazine','<mask-2>': "
    "'Bethel Horizon'}}\n{input}\n Question: {Q} What are the masked entities? \nAnswer:",
}
OFFICIAL_MAX_NEW_TOKENS = {"shortdep_qa": 300, "longdep_qa": 500, "longdep_summarization": 500, CLOZE: 50}


@cache
def requests(subset: str) -> tuple[Request, ...]:
    return tuple(SAMPLE.requests(subset, LENGTHS, 0))


def from_folder(folder: Path, subset: str, **row: Any) -> Request:
    full = {"context": "Some text.", "question": "\nQuestion: Why?\n", "answer": "So."} | row
    (folder / f"{subset}.jsonl").write_text(json.dumps(full))
    (request,) = LooGLE(DataSource("folder", folder)).requests(subset, LENGTHS, 0)
    return request


@pytest.mark.parametrize("subset", NAMES)
def test_the_prompt_is_the_official_one(subset: str) -> None:
    rows = [json.loads(line) for line in (SAMPLE.sample_folder / f"{subset}.jsonl").read_text().splitlines()]
    answers = [str(row["answer"]) for row in rows]
    asked = [(request.context, question) for request in requests(subset) for question in request.questions]
    pattern = re.escape(OFFICIAL_PROMPT[subset].format(input="INPUT", Q="ASKED"))
    pattern = pattern.replace("INPUT", "(?P<text>.+)").replace("ASKED", "(?P<question>[^\n]+)")
    for context, question in asked:
        found = re.fullmatch(pattern, context + question.text + question.answer_prefix, re.DOTALL)
        assert found, (context[:99], question.text, question.answer_prefix)
        assert context.endswith(found["text"])
        assert question.max_new_tokens == OFFICIAL_MAX_NEW_TOKENS[subset]
        said = json.dumps(question.details["entities"]) if subset == CLOZE else question.references[0]
        assert said in answers
    assert len(asked) == len(rows)


@pytest.mark.parametrize("subset", NAMES)
def test_the_sample_has_contexts_for_both_parts(subset: str) -> None:
    parts = [part_of(request) for request in requests(subset)]
    assert len(parts) >= 8
    assert min(parts.count("search"), parts.count("validation")) >= 2
    numbers = {len(request.questions) for request in requests(subset)}
    assert numbers == {1} if subset == "longdep_summarization" else min(numbers) >= 3


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: subset.name)
def test_scores_are_those_that_are_declared(subset: Any) -> None:
    for request in requests(subset.name):
        for question in request.questions:
            perfect = SAMPLE.perfect_prediction(question)
            assert SAMPLE.score(perfect, question) == 1
            assert SAMPLE.score("", question) == 0
            assert tuple(SAMPLE.other_scores(perfect, question)) == subset.other_metrics


def test_a_cloze_has_no_extra_metrics() -> None:
    # They may be asked for beside it, for another subset.
    benchmark = LooGLE(DataSource("sample"), ("meteor", "bert_score"))
    assert set(benchmark.other_scores("{}", requests(CLOZE)[0].questions[0])) == {"partial_match"}


@pytest.mark.parametrize("answer", ["Paris", "[1]", "", "null", '{"<mask-0>": '])
def test_an_answer_that_is_no_mapping_is_told(tmp_path: Path, answer: Any) -> None:
    with pytest.raises(UsageError, match=r"of loogle/shortdep_cloze is not a JSON object"):
        from_folder(tmp_path, CLOZE, answer=answer)


def test_a_summary_is_asked_for_once(tmp_path: Path) -> None:
    # The hub's rows may repeat the instruction as a question, which the official prompt does not.
    (question,) = from_folder(tmp_path, "longdep_summarization", question="Summarize it.\n").questions
    assert (question.text, question.answer_prefix) == ("\n", " Summarization: ")


def test_an_unknown_subset_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'longdep_qa'"):
        SAMPLE.requests("longdepqa", LENGTHS, 0)


@pytest.mark.parametrize("subset", NAMES)
@pytest.mark.parametrize(
    "prediction",
    ["\x00\udcff", ". . .", "\n" * 20_000, "word " * 20_000, " ".join(map(str, range(20_000))), string.printable],
    ids=["surrogate", "stops", "lines", "one word", "20000 words", "printable"],
)
def test_any_prediction_gets_a_score_in_range(subset: str, prediction: str) -> None:
    question = requests(subset)[0].questions[0]
    scores = [SAMPLE.score(prediction, question), *SAMPLE.other_scores(prediction, question).values()]
    assert all(0 <= score <= 1 for score in scores)


def test_the_model_of_bert_score_tells_results_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(subset: str, *extra_metrics: str) -> str:
        return LooGLE(DataSource("sample"), extra_metrics).data_identity(subset)

    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    assert identity(NAMES[0], "meteor", "bert_score") == f"{identity(NAMES[0])} bert_score roberta-large"
    monkeypatch.setenv(MODEL_VARIABLE, "/models/small")
    assert identity(NAMES[0], "bert_score") == f"{identity(NAMES[0], 'meteor')} bert_score /models/small"
    assert identity(CLOZE, "bert_score") == identity(CLOZE)
