"""InfiniteBench: official prompts from the hub's rows, labels with their types, what is generated."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from sparse_hub_benchmarks_builtin.infinite_bench.benchmark import InfiniteBench
from sparse_hub_benchmarks_builtin.infinite_bench.subsets import SUBSETS
from sparse_hub_core import DataSource, Lengths, Question, Request, UsageError
from sparse_hub_core.data.parts import part_of

TASKS = tuple(subset.name for subset in SUBSETS if not subset.generated)
GENERATED = tuple(subset.name for subset in SUBSETS if subset.generated)
SAMPLE = InfiniteBench(DataSource("sample"))
LENGTHS = Lengths(900, lambda text: len(re.findall(r"\w+|\W", text)))

OPTIONS = "\nA. [^\n]+\nB. [^\n]+\nC. [^\n]+\nD. [^\n]+"
FEW_SHOT = "Expression: 1 + 3 + 4\nValues: [1, 4, 8]\n\nExpression: 8 - 3 + 2 - 4\nValues: [8, 5, 7, 3]\n\n"
# Those for YaRN-Mistral in src/prompt.py of OpenBMB/InfiniteBench at 753b69f2, with the inputs of the official rows.
OFFICIAL_PROMPT = {
    "passkey": "There is an important info hidden inside a lot of irrelevant text. Find it and memorize it. I will "
    "quiz you about the important information.\n\n{context}\n\nWhat is the pass key?\n\nThe pass key is",
    "number_string": "There is an important info hidden inside a lot of irrelevant text. Find it. I will quiz you "
    "about the important information there.\n\n{context}\n\nWhat is the sequence of digits?\n\n"
    "The sequence of digits is",
    "kv_retrieval": "Extract the value corresponding to the specified key in the JSON object below.\n\nJSON data:\n"
    '{context}\n\n\nKey: "{input}"\nThe value associated with the specified key is: ',
    "code_run": "There is a function called {input} in the following Python code.\n\n{context}\n\nPlease "
    "compute the exact value of {input}. The value of {input} is",
    "code_debug": "Following is a Python code where exactly one of the functions/methods has a deliberate error that "
    "makes it crash.\n\n{context}\n\nOptions:{options}\n\nThe correct option is:",
    "math_find": "What is {input} in the following list?\n\n{context}\n\nYou should answer with only one number, no "
    "other words. {input} of the list is: ",
    "longbook_qa_eng": "Read the book and answer the question. Be very concise in your answer.\n\n{context}\n\n"
    "Question: {input}\nAnswer:",
    "longdialogue_qa_eng": "Below is a dialogue script where one random occurrence of a character name is replaced "
    'with "$$MASK$$", and you should try to guess who that character is.\n\n{context}\n\nThe name'
    " that has been replaced with $$MASK$$ is likely",
    "longbook_choice_eng": "Read the book and answer the question.\n\n{context}\n\nQuestion: {input}{options}"
    "\n\nThe letter of the correct answer is",
    "math_calc": f"Let us calculate the intermediate values of an expression.\n\n{FEW_SHOT}Expression: "
    "{context}\nValues:",
    "longbook_sum_eng": "Summarize the book below.\n\n{context}\n\nSummary:",
    "longbook_qa_chn": "阅读以下书籍然后回答问题。\n\n{context}\n\n"
    "问题\N{FULLWIDTH COLON}{input}\n答案\N{FULLWIDTH COLON}",
}
MAX_NEW_TOKENS = {
    "passkey": 6,
    "kv_retrieval": 50,
    "number_string": 12,
    "code_run": 5,
    "code_debug": 5,
    "math_find": 3,
    "longbook_qa_eng": 40,
    "longdialogue_qa_eng": 40,
    "longbook_choice_eng": 40,
    "math_calc": 30_000,
    "longbook_sum_eng": 1_200,
    "longbook_qa_chn": 40,
}


def pattern_of(task: str) -> str:
    pattern = re.escape(OFFICIAL_PROMPT[task])
    for name, what in (("context", "(?s:.+)"), ("input", "[^\n]+"), ("options", OPTIONS)):
        pattern = pattern.replace(re.escape(f"{{{name}}}"), what)
    return pattern


def prompts(requests: tuple[Request, ...]) -> list[tuple[str, Question]]:
    return [(one.context + asked.text + asked.answer_prefix, asked) for one in requests for asked in one.questions]


@cache
def sample(task: str) -> tuple[Request, ...]:
    return tuple(SAMPLE.requests(task, LENGTHS, 0))


@cache
def generated(subset: str, seed: int = 0) -> tuple[Request, ...]:
    return tuple(islice(InfiniteBench().requests(subset, LENGTHS, seed), 12))


def from_folder(folder: Path, task: str, **row: Any) -> Question:
    full = {"context": "Some text.\n\n", "question": "Why?", "answer_prefix": "", "answer": ["1"]} | row
    (folder / f"{task}.jsonl").write_text(json.dumps(full))
    (request,) = InfiniteBench(DataSource("folder", folder)).requests(task, LENGTHS, 0)
    return request.questions[0]


@pytest.mark.parametrize("subset", TASKS + GENERATED)
def test_the_prompt_is_the_official_one(subset: str) -> None:
    task = subset.removesuffix("_generated")
    for prompt, question in prompts(sample(subset) if subset == task else generated(subset)):
        assert re.fullmatch(pattern_of(task), prompt), (prompt[:120], prompt[-200:])
        assert question.max_new_tokens == MAX_NEW_TOKENS[task]


@pytest.mark.parametrize("task", TASKS)
def test_the_sample_has_contexts_for_both_parts(task: str) -> None:
    parts = [part_of(request) for request in sample(task)]
    assert len(parts) >= 8
    assert min(parts.count("search"), parts.count("validation")) >= 2


@pytest.mark.parametrize("subset", TASKS + GENERATED)
def test_perfect_predictions_score_one_and_empty_ones_nothing(subset: str) -> None:
    for request in sample(subset) if subset in TASKS else generated(subset):
        for question in request.questions:
            assert SAMPLE.score(SAMPLE.perfect_prediction(question), question) == pytest.approx(1)
            assert SAMPLE.score("", question) == 0


CHOICE = "Which?\n\nOptions:\nA. one\nB. two\nC. three: 3\nD. four"


@pytest.mark.parametrize(
    ("task", "question", "answer", "label"),
    [
        ("passkey", "Why?", ["00412"], "00412"),
        ("kv_retrieval", "Why?", ["33"], "33"),
        ("code_run", "Why?", ["-33"], -33),
        ("math_find", "Why?", ["49"], 49),
        ("math_find", "Why?", ["49.5"], 49.5),
        ("math_calc", "Why?", ["1", "4", "8"], [1, 4, 8]),
        ("code_debug", CHOICE, ["B"], ["two", "B"]),
        ("longbook_choice_eng", CHOICE, ["C"], ["three: 3", "C"]),
        ("longbook_choice_eng", "Which?\nA. one\nB. two\nlines\nC. three\nD. four\n", ["B"], ["two\nlines", "B"]),
        ("longbook_qa_eng", "Why?", ["So.", "Because."], ["So.", "Because."]),
        ("longdialogue_qa_eng", "Why?", ["ACE", "ACE ROTH"], ["ACE", "ACE ROTH"]),
    ],
)
def test_labels_have_the_type_that_scoring_needs(
    tmp_path: Path, task: str, question: str, answer: list[str], label: Any
) -> None:
    read = from_folder(tmp_path, task, question=question, answer=answer)
    assert repr(read.details["label"]) == repr(label)
    assert read.references == tuple(answer)


@pytest.mark.parametrize(
    ("task", "question", "answer"),
    [
        ("code_run", "Why?", ["three"]),
        ("math_calc", "Why?", ["1", "two"]),
        ("math_find", "Why?", []),
        ("code_debug", CHOICE, ["E"]),
        ("longbook_choice_eng", "Why?", ["A"]),
    ],
)
def test_an_answer_that_cannot_be_read_is_told(tmp_path: Path, task: str, question: str, answer: list[str]) -> None:
    with pytest.raises(UsageError, match=f"of infinite_bench/{task} cannot be read; give rows of the schema of Max"):
        from_folder(tmp_path, task, question=question, answer=answer)


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("longbook_sum_eng", {"context": "Sum up.\n\n" + "A line. " * 40 + "Summarize the book below:\n\n"}),
        ("passkey", {"context": "Find it.\n\n", "question": "Which key?", "answer_prefix": "The key is"}),
        ("code_run", {"question": "What does f return?", "answer_prefix": "It returns"}),
        ("code_debug", {"question": CHOICE[CHOICE.index("Options:") :]}),
        ("longbook_choice_eng", {"question": CHOICE}),
    ],
)
def test_what_a_row_words_in_another_way_stays(tmp_path: Path, task: str, row: dict[str, str]) -> None:
    answer = {"answer": ["A" if "question" in row and "A. " in row["question"] else "1"]}
    read = from_folder(tmp_path, task, **row, **answer)
    (request,) = InfiniteBench(DataSource("folder", tmp_path)).requests(task, LENGTHS, 0)
    assert request.context == row.get("context", "Some text.\n\n")
    assert row.get("question", "") in read.text
    assert read.answer_prefix == row.get("answer_prefix", "")


def test_the_question_that_contexts_of_math_find_repeat_is_asked_once(tmp_path: Path) -> None:
    asked = "You should answer with only one number, no other words. The median number of the list is: "
    row = {"context": f"What is the median number in the following list?\n\n[1, 2]\n\n{asked}\n\n", "answer": ["1.5"]}
    assert from_folder(tmp_path, "math_find", question=asked, **row).text == asked
    (request,) = InfiniteBench(DataSource("folder", tmp_path)).requests("math_find", LENGTHS, 0)
    assert request.context == "What is the median number in the following list?\n\n[1, 2]\n\n"


def passkey(prompt: str) -> Any:
    return re.findall(r"\nThe pass key is (\d{5})\. Remember it\. \1 is the pass key\.\n", prompt)[0]


def number_string(prompt: str) -> Any:
    digits = re.findall(r"\nThe sequence of digits is (\d{10})\. Remember it\. \1 is the", prompt)[0]
    # Five of the ten are copies of the digit beside them.
    assert sum(left == right for left, right in pairwise(digits)) >= 5
    return digits


def kv_retrieval(prompt: str) -> Any:
    asked = re.findall(r'\nKey: "(.+)"\n', prompt)[0]
    return json.loads(prompt[prompt.index("{") : prompt.index("}") + 1])[asked]


def math_find(prompt: str) -> Any:
    numbers = json.loads(prompt[prompt.index("[") : prompt.index("]") + 1])
    assert all(0 <= number <= 99 for number in numbers)
    distinct = sorted(set(numbers))
    answers = {"median": median(numbers)}
    for place, ordinal in enumerate(("", "second ", "third ")):
        answers |= {f"{ordinal}smallest": distinct[place], f"{ordinal}largest": distinct[-1 - place]}
    return answers[re.findall(r"What is the (.+) number in", prompt)[0]]


def code_run(prompt: str) -> Any:
    called = dict(re.findall(r"def (func_\d+)\(x\):\n    return (.+)\n", prompt))
    name, argument = re.findall(r"value of (func_\d+)\((-?\d+)\)", prompt)[0]
    value, depth = int(argument), 0
    while name:
        inner, added = re.fullmatch(r"(?:x|(func_\d+)\(x\))(?: ([-+] \d+))?", called[name]).groups()  # type: ignore[union-attr]
        value, name, depth = value + int((added or "0").replace(" ", "")), inner, depth + 1
    assert depth in (2, 4, 6, 8, 10)
    return value


@pytest.mark.parametrize(("subset", "solve"), [
    (f"{solve.__name__}_generated", solve) for solve in (passkey, number_string, kv_retrieval, math_find, code_run)
])  # fmt: skip
def test_the_answer_is_in_what_is_generated(subset: str, solve: Callable[[str], Any]) -> None:
    for seed in range(4):
        for prompt, question in prompts(generated(subset, seed)):
            assert repr(question.details["label"]) == repr(solve(prompt))


@pytest.mark.parametrize("subset", GENERATED)
def test_generated_requests_fill_the_length_and_differ(subset: str) -> None:
    asked = prompts(generated(subset))
    for prompt, question in asked:
        # No unit is longer than a line of noise or a pair of uuids.
        assert 850 < LENGTHS.count_tokens(prompt) + question.max_new_tokens <= 900
    assert len({prompt for prompt, _ in asked}) == len(asked)
    assert generated(subset, 1)[0].context != generated(subset)[0].context


def test_the_seven_questions_about_a_list_all_come_up() -> None:
    asked = [question for seed in range(4) for _, question in prompts(generated("math_find_generated", seed))]
    assert len({question.text for question in asked}) == 7


@pytest.mark.parametrize("subset", GENERATED)
def test_a_length_that_is_too_short_is_refused_with_the_shortest(subset: str) -> None:
    with pytest.raises(
        UsageError, match=r"does not fit into a context of 20 tokens: .* length that works is \d+"
    ) as told:
        InfiniteBench().requests(subset, Lengths(20, LENGTHS.count_tokens), 0)
    shortest = int(re.findall(r"works is (\d+)", str(told.value))[0])
    assert next(InfiniteBench().requests(subset, Lengths(shortest, LENGTHS.count_tokens), 0))


def test_an_unknown_subset_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'passkey_generated'"):
        SAMPLE.requests("passkeygenerated", LENGTHS, 0)
