"""LongBench's requests: official prompts, from the hub's schema, the original one and the offline sample."""

import json
from pathlib import Path

import pytest

from sparse_hub_benchmarks_builtin.longbench.benchmark import LongBench
from sparse_hub_benchmarks_builtin.longbench.prompts import prompt_of
from sparse_hub_benchmarks_builtin.longbench.subsets import SUBSETS
from sparse_hub_benchmarks_builtin.longbench.tasks import TASK_OF_SUBSET, TASKS
from sparse_hub_core import DataError, DataSource, Lengths, UsageError

PROMPTS = json.loads((Path(__file__).parents[1] / "golden" / "longbench_prompts.json").read_text(encoding="utf-8"))
LENGTHS = Lengths(2048, lambda text: len(text.split()))
SUFFIX = {"trec": "Type:", "triviaqa": "Answer:", "samsum": "Summary: ", "lsht": "类别："}  # noqa: RUF001


def requests_of(subset, source):
    return list(LongBench(source).requests(subset, LENGTHS, seed=0))


def write(folder, name, **changes):
    row = {"context": "c", "input": "i", "answers": ["a"], "length": 4000, "all_classes": None, "_id": "1"} | changes
    row = {column: value for column, value in row.items() if value is not ...}
    (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return DataSource("folder", folder)


@pytest.mark.parametrize("task", PROMPTS)
def test_an_original_row_becomes_the_official_prompt(task):
    row = {"context": "Some {text}.", "input": "A question?" + SUFFIX.get(task, "")}
    official = PROMPTS[task].replace("{context}", row["context"]).replace("{input}", row["input"])
    prompt = prompt_of(task, row)
    assert "".join(prompt) == official
    assert bool(prompt.answer_prefix) == (task != "lsht")


def test_prompts_are_there_for_every_task():
    assert set(PROMPTS) == {task.name for task in TASKS}


@pytest.mark.parametrize(
    ("question", "prefix", "expected"),
    [
        ("Dialogue: hi\nSummary: ", "Summary:", ("Dialogue: hi\n", "Summary: ")),
        ("Question: q\n", "Type:", ("Question: q\n", "Type:")),
        ("", "Next line of code:\n", ("", "Next line of code:\n")),
        ("新闻内容", "", ("新闻内容", "")),
    ],
)
def test_a_row_of_the_hub_says_its_answer_prefix_once(question, prefix, expected):
    prompt = prompt_of("samsum", {"context": "c", "question": question, "answer_prefix": prefix})
    assert prompt[1:] == expected


@pytest.mark.parametrize("subset", TASK_OF_SUBSET)
def test_sample(subset):
    benchmark = LongBench(DataSource("sample"))
    requests = requests_of(subset, DataSource("sample"))
    assert len({request.id for request in requests}) == len(requests) == 8
    for question in (question for request in requests for question in request.questions):
        assert benchmark.score(benchmark.perfect_prediction(question), question) == pytest.approx(100, abs=1e-5)
        assert benchmark.score("", question) == 0.0
        assert question.max_new_tokens == TASK_OF_SUBSET[subset].max_new_tokens
        assert question.strata == ({"length": "0-4k"} if subset.endswith("_e") else {})


def test_several_questions_share_a_context():
    assert {len(request.questions) for request in requests_of("qasper", DataSource("sample"))} == {1, 4}


@pytest.mark.parametrize(("length", "bucket"), [(3999, "0-4k"), ("4000", "4-8k"), (8000, "8k+")])
def test_only_longbench_e_is_scored_by_length(tmp_path, length, bucket):
    source = write(tmp_path, "hotpotqa_e", length=length)
    write(tmp_path, "hotpotqa", length=length)
    assert requests_of("hotpotqa_e", source)[0].questions[0].strata == {"length": bucket}
    assert requests_of("hotpotqa", source)[0].questions[0].strata == {}


def test_a_folder_in_the_original_schema(tmp_path):
    source = write(tmp_path, "trec", input="Question: Who?\nType:", answers=["Individual"], all_classes=["Individual"])
    (request,) = requests_of("trec", source)
    (question,) = request.questions
    assert (question.text, question.answer_prefix) == ("Question: Who?\n", "Type:")
    assert LongBench().score("\nIndividual\nDate", question) == 100.0
    json.dumps(question.details)


@pytest.mark.parametrize("changes", [{"input": ...}, {"input": ..., "question": "without an answer prefix"}])
def test_a_folder_in_neither_schema(tmp_path, changes):
    source = write(tmp_path, "lcc", **changes)
    with pytest.raises(DataError, match="neither the columns 'question' and 'answer_prefix'"):
        requests_of("lcc", source)


@pytest.mark.parametrize(
    ("subset", "changes", "words"),
    [
        ("lcc", {"answers": "Unanswerable"}, "row 1 of .*lcc.jsonl has text in the column 'answers'"),
        ("lcc", {"answers": None}, "row 1 of .*lcc.jsonl has nothing in the column 'answers'"),
        ("lcc", {"input": None}, "A row of longbench/lcc has 'None' in the column 'input', where text is expected"),
        ("lcc", {"question": 5, "answer_prefix": ""}, "has '5' in the column 'question', where text is expected"),
        ("lcc_e", {"length": "long"}, "A row of longbench/lcc_e has 'long' in the column 'length', where a number is"),
        ("trec", {"all_classes": None}, "row 1 of .*trec.jsonl has nothing in the column 'all_classes'"),
        ("trec", {"all_classes": ...}, "the columns all_classes are missing"),
    ],
)
def test_a_column_that_holds_something_else_is_told(tmp_path, subset, changes, words):
    source = write(tmp_path, subset, **changes)
    with pytest.raises(DataError, match=words):
        requests_of(subset, source)


@pytest.mark.parametrize("changes", [{"all_classes": ...}, {"all_classes": None}, {"question": "without a prefix"}])
def test_what_a_task_has_no_use_for_may_be_missing(tmp_path, changes):
    (request,) = requests_of("hotpotqa", write(tmp_path, "hotpotqa", **changes))
    (question,) = request.questions
    assert question.text == "Question: i\n"
    assert question.details["all_classes"] == []


@pytest.mark.parametrize("subset", ["hotpotqa_E", "musique_e", ""])
def test_an_unknown_subset_is_refused_before_the_first_request(subset):
    with pytest.raises(UsageError, match="longbench has no subset"):
        LongBench(DataSource("sample")).requests(subset, LENGTHS, seed=0)


def test_subsets_are_complete():
    assert len(SUBSETS) == 34
    for subset in SUBSETS:
        assert subset.typical_length
        assert subset.licence != "unknown"
        assert LongBench().dataset(subset.name).config == subset.name


def test_the_best_reference_is_the_perfect_prediction(tmp_path):
    source = write(tmp_path, "lcc", answers=["x = 1  # one", "x = 1"])
    (request,) = requests_of("lcc", source)
    assert LongBench().perfect_prediction(request.questions[0]) == "x = 1"


@pytest.mark.parametrize(("subset", "as_chat"), [("trec_e", False), ("lcc", False), ("hotpotqa", True)])
def test_examples_and_code_go_without_the_chat_template(subset: str, as_chat: bool) -> None:
    requests = requests_of(subset, DataSource("sample"))
    assert {question.as_chat for request in requests for question in request.questions} == {as_chat}
