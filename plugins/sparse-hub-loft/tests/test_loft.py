"""LOFT: found through its entry point, its sample, and what becomes of a row."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from sparse_hub_loft.loft import Loft
from sparse_hub_loft.subsets import MULTI_VALUE, SUBSETS

from sparse_hub_core import DataError, DataSource, Lengths, Question, Request, UsageError, get_benchmark
from sparse_hub_core.data.parts import part_of

NAMES = tuple(subset.name for subset in SUBSETS)
SAMPLE = Loft(DataSource("sample"))
LENGTHS = Lengths(512, len)
QUERY = "====== Now let's start! ======\nBased on the documents above, can you answer the following query? "


@cache
def requests(subset: str) -> tuple[Request, ...]:
    return tuple(SAMPLE.requests(subset, LENGTHS, 0))


def test_it_is_found_through_the_entry_point_that_pip_installed() -> None:
    (entry,) = entry_points(group="sparse_hub", name="loft")
    assert entry.dist is not None
    assert (entry.value, entry.dist.name) == ("sparse_hub_loft", "sparse-hub-loft")
    assert isinstance(get_benchmark("loft"), Loft)


def test_there_are_five_datasets_at_three_lengths() -> None:
    datasets = {name.partition("_")[0] for name in NAMES}
    assert datasets == {"nq", "hotpotqa", "musique", "qampari", "quest"}
    assert set(NAMES) == {f"{dataset}_{length}" for dataset in datasets for length in ("32k", "128k", "1m")}
    assert {(subset.metric, subset.score_range) for subset in SUBSETS} == {("subspan_em", (0.0, 1.0))}


@pytest.mark.parametrize("subset", NAMES)
def test_each_subset_has_a_repository_of_its_own(subset: str) -> None:
    dataset = SAMPLE.dataset(subset)
    assert dataset.repository == f"f20180301/loft-rag-{subset.replace('_', '-')}"
    assert (dataset.config, dataset.split) == (subset, "test")


@pytest.mark.parametrize("subset", NAMES)
def test_the_sample_can_be_split_and_its_answers_stand_in_its_documents(subset: str) -> None:
    asked = requests(subset)
    assert len({request.id for request in asked}) == len(asked) == 8
    assert len({request.context for request in asked}) == 1
    parts = [part_of(request, shared_context=True) for request in asked]
    assert min(parts.count("search"), parts.count("validation")) >= 2
    for request in asked:
        (question,) = request.questions
        assert question.text.startswith(QUERY)
        assert all(reference in request.context for reference in question.references)
        assert not [one for one in question.references if one.lower() in question.text.lower()]
    assert any(len(request.questions[0].references) > 1 for request in asked) == (
        subset.partition("_")[0] in {*MULTI_VALUE, "nq"}
    )


@pytest.mark.parametrize("subset", NAMES)
def test_gold_answers_score_full_and_none_scores_nothing(subset: str) -> None:
    (about,) = [one for one in SUBSETS if one.name == subset]
    for request in requests(subset):
        (question,) = request.questions
        perfect = SAMPLE.perfect_prediction(question)
        assert SAMPLE.score(perfect, question) == 1
        assert SAMPLE.other_scores(perfect, question) == dict.fromkeys(about.other_metrics, 1)
        assert SAMPLE.score("", question) == 0
        assert SAMPLE.other_scores("", question) == dict.fromkeys(about.other_metrics, 0)


@pytest.mark.parametrize("subset", ["nq_32k", "quest_1m"])
def test_the_row_decides_the_number_of_new_tokens(tmp_path: Path, subset: str) -> None:
    row = {"context": "c", "answers": ["a"]}
    rows = [row | {"question": "q", "max_new_tokens": 7}, row | {"question": "q", "max_new_tokens": None}]
    (tmp_path / f"{subset}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first, second = Loft(DataSource("folder", tmp_path)).requests(subset, LENGTHS, 0)
    assert (first.questions[0].max_new_tokens, second.questions[0].max_new_tokens) == (7, 256)
    assert second.id == f"{first.id}-2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"answers": "a"},
            "row 1 of .*nq_32k.jsonl has text in the column 'answers', where a list of texts is expected",
        ),
        ({"answers": None}, "row 1 of .*nq_32k.jsonl has nothing in the column 'answers'"),
        ({"max_new_tokens": "many"}, "A row of loft/nq_32k has 'many' in the column 'max_new_tokens'"),
    ],
)
def test_rows_of_another_schema_are_told(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    (tmp_path / "nq_32k.jsonl").write_text(json.dumps({"context": "c", "question": "q", "answers": ["a"]} | change))
    with pytest.raises(DataError, match=words):
        list(Loft(DataSource("folder", tmp_path)).requests("nq_32k", LENGTHS, 0))


def test_an_unknown_subset_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'nq_32k'"):
        SAMPLE.requests("nq_32", LENGTHS, 0)


def test_without_an_answer_there_is_no_score() -> None:
    question = Question("?", (), details={"multi_value": True})
    assert SAMPLE.score("Final Answer: ['a']", question) is None
    assert SAMPLE.other_scores("Final Answer: ['a']", question) == {}


@pytest.mark.parametrize("subset", ["musique_128k", "qampari_128k"])
@pytest.mark.parametrize(
    "said",
    [
        "\x00\udcff",
        "Final Answer: " + "[" * 99_999 + "]" * 99_999,
        "Final Answer: ['" + "\\" * 99_999 + "']",
        "Final Answer: [" + "-" * 99_999 + "1]",
        "Final Answer: [" + "9" * 99_999 + "]",
        "Final Answer: [" + "'a', " * 20_000 + "]",
        "Final Answer: ['', '']",
        "Final Answer: [__import__('os').abort()]",
    ],
)
def test_any_prediction_gets_a_score(subset: str, said: str) -> None:
    question = requests(subset)[0].questions[0]
    scores = [SAMPLE.score(said, question), *SAMPLE.other_scores(said, question).values()]
    assert all(score is not None and 0 <= score <= 1 for score in scores)
