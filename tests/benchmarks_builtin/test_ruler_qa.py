"""RULER's question answering: SQuAD and HotpotQA among other documents."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruler_requests import by_words

from sparse_hub_benchmarks_builtin.ruler import benchmark
from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_benchmarks_builtin.ruler.documents import DATASETS, read_hotpotqa, read_squad
from sparse_hub_core.benchmark import Lengths, Question, Request
from sparse_hub_core.data.parts import Part, requests_of
from sparse_hub_core.data.source import DataSource
from sparse_hub_core.errors import DataError, UsageError

SAMPLE = Path(benchmark.__file__).parent / "sample"
INSTRUCTION = (
    "Answer the question based on the given documents. Only give me the answer and do not output any other words."
)


def take(subset: str, length: int = 1200, seed: int = 0, data: DataSource | None = None) -> list[Request]:
    return list(Ruler(data or DataSource("sample")).requests(subset, Lengths(length, by_words), seed))


def rows(subset: str) -> list[dict[str, Any]]:
    lines = (SAMPLE / f"{DATASETS[subset].config}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def documents(request: Request) -> list[str]:
    body = request.context.removeprefix(f"{INSTRUCTION}\n\nThe following are given documents.\n\n")
    assert body != request.context
    found = re.findall(r"Document (\d+):\n(.*?)(?=\n\nDocument \d+:\n|\Z)", body, re.DOTALL)
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    assert "\n\n".join(f"Document {number}:\n{text}" for number, text in found) == body
    return [text for _, text in found]


@pytest.mark.parametrize("subset", DATASETS)
def test_prompts_are_the_official_ones(subset: str) -> None:
    asked = [row for row in rows(subset) if subset == "qa_2" or row["answers"]["text"]]
    requests = take(subset)
    assert len(requests) == len(asked)
    for row, request in zip(asked, requests, strict=True):
        (question,) = request.questions
        assert question.text == f"\n\n{INSTRUCTION}\n\nQuestion: {row['question']}"
        assert question.answer_prefix == " Answer:"
        assert question.max_new_tokens == 32
        assert list(question.references) == (row["answers"]["text"] if subset == "qa_1" else [row["answer"]])
        assert request.context.endswith(documents(request)[-1])


@pytest.mark.parametrize("length", [700, 1200, 2200])
def test_squad_paragraphs_stand_beside_those_of_their_article_first(length: int) -> None:
    answered = [row for row in rows("qa_1") if row["answers"]["text"]]
    articles = {
        row["title"]: {other["context"] for other in rows("qa_1") if other["title"] == row["title"]} for row in answered
    }
    for row, request in zip(answered, take("qa_1", length), strict=True):
        found = documents(request)
        assert row["context"] in found
        assert len(set(found)) == len(found)
        own = articles[row["title"]]
        # Others only after all of the article are there.
        assert set(found) <= own or own <= set(found)


def test_hotpotqa_keeps_the_ten_paragraphs_of_a_question() -> None:
    for row, request in zip(rows("qa_2"), take("qa_2"), strict=True):
        context = row["context"]
        own = {
            f"{title}\n{''.join(lines)}" for title, lines in zip(context["title"], context["sentences"], strict=True)
        }
        assert len(own) == 10
        assert own < set(documents(request))


@pytest.mark.parametrize("subset", DATASETS)
def test_lengths_are_filled_to_a_document(subset: str) -> None:
    for length in (900, 2048, 9000):
        for request in take(subset, length):
            (question,) = request.questions
            used = by_words(request.context + question.text + question.answer_prefix) + 32
            assert length - 2 - max(by_words(text) for text in documents(request)) - 60 < used <= length


def test_documents_are_repeated_where_there_are_too_few() -> None:
    found = documents(take("qa_1", 9000)[0])
    assert len(set(found)) == len({row["context"] for row in rows("qa_1")}) < len(found)


@pytest.mark.parametrize("subset", DATASETS)
def test_own_documents_stand_anywhere_and_others_change_with_the_seed(subset: str) -> None:
    first, second = take(subset, seed=0), take(subset, seed=1)
    assert [r.questions for r in first] == [r.questions for r in second]
    assert not {r.context for r in first} & {r.context for r in second}
    assert not {r.id for r in first} & {r.id for r in second}
    if subset == "qa_1":
        answers = [row["context"] for row in rows(subset) if row["answers"]["text"]]
        places = [documents(r).index(own) / len(documents(r)) for own, r in zip(answers, first, strict=True)]
        assert min(places) < 0.2
        assert max(places) > 0.8


def test_a_question_whose_own_documents_are_too_long_is_left_out(tmp_path: Path) -> None:
    sample = rows("qa_1")
    title = {"title": "Long", "context": "long " * 2000, "answers": {"text": ["long"], "answer_start": [0]}}
    table = [*sample, {**sample[0], **title, "question": "How long?"}, {**sample[0], "question": "Who, again?"}]
    (tmp_path / "squad_v2.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    data = DataSource("folder", tmp_path)
    asked = [request.questions[0].text.rpartition("Question: ")[2] for request in take("qa_1", 1200, data=data)]
    assert asked[-1] == "Who, again?"
    assert "How long?" not in asked
    assert take("qa_1", 1200, data=data)[-1].id == f"qa_1-1200-s0-{len(asked):06d}"
    assert take("qa_1", 9000, data=data)[-2].questions[0].text.endswith("How long?")


def test_questions_without_any_answer_are_reported(tmp_path: Path) -> None:
    row = next(row for row in rows("qa_1") if not row["answers"]["text"])
    (tmp_path / "squad_v2.jsonl").write_text(json.dumps(row))
    with pytest.raises(UsageError, match="no question with an answer"):
        take("qa_1", data=DataSource("folder", tmp_path))


@pytest.mark.parametrize(
    ("subset", "name", "change"),
    [
        ("qa_1", "squad_v2", {"answers": "['Paris']"}),
        ("qa_1", "squad_v2", {"answers": ["Paris"]}),
        ("qa_1", "squad_v2", {"answers": {"text": "Paris"}}),
        ("qa_2", "distractor", {"context": "Paris"}),
        ("qa_2", "distractor", {"context": 5}),
        ("qa_2", "distractor", {"context": {"title": ["Paris"]}}),
        ("qa_2", "distractor", {"context": {"title": ["Paris"], "sentences": [5]}}),
    ],
)
def test_rows_of_another_schema_are_told(tmp_path: Path, subset: str, name: str, change: Mapping[str, Any]) -> None:
    (tmp_path / f"{name}.jsonl").write_text(json.dumps(rows(subset)[0] | change))
    with pytest.raises(DataError, match=f"A row of ruler/{subset} has .* in the column '{next(iter(change))}', where"):
        take(subset, data=DataSource("folder", tmp_path))


def test_the_original_file_of_hotpotqa_is_read_too() -> None:
    def original(row: Mapping[str, Any]) -> dict[str, Any]:
        context = row["context"]
        return {**row, "context": [list(pair) for pair in zip(context["title"], context["sentences"], strict=True)]}

    table = rows("qa_2")
    assert read_hotpotqa([original(row) for row in table]) == read_hotpotqa(table)


def test_unanswerable_paragraphs_are_documents_all_the_same() -> None:
    base = {"title": "T", "question": "?", "answers": {"text": []}}
    corpus = read_squad([{**base, "context": "B"}, {**base, "context": "A", "answers": {"text": ["a"]}}])
    assert corpus.documents == ("A", "B")
    (question,) = corpus.questions
    assert (question.own, question.related) == ((0,), (1,))


@pytest.mark.parametrize(
    ("prediction", "score"), [("It was BLUE glass.", 100.0), ("green", 0.0), ("", 0.0), ("re\0d", 0.0)]
)
def test_one_answer_is_enough(prediction: str, score: float) -> None:
    question = Question("?", ("red", "blue"), details=take("qa_1")[0].questions[0].details)
    assert Ruler().score(prediction, question) == score


@pytest.mark.parametrize("subset", ["qa_1", "qa_2"])
def test_a_question_keeps_to_its_part_at_every_length(subset: str) -> None:
    def asked(part: Part, length: int) -> set[str]:
        requests = Ruler(DataSource("sample")).requests(subset, Lengths(length, by_words), 0)
        return {request.questions[0].text for request in requests_of(requests, part, 500)}

    search = asked("search", 1200)
    validation = asked("validation", 1800)
    assert search
    assert validation
    assert not search & validation
