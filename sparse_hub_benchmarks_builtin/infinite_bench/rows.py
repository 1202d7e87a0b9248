"""Reads the rows of the hub, whose answers are all texts, into questions with the official answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sparse_hub_benchmarks_builtin.infinite_bench.prompts import ENDINGS
from sparse_hub_benchmarks_builtin.infinite_bench.wording import official
from sparse_hub_core import DataError, Question

REPOSITORY = "MaxJeblick/InfiniteBench"
WITH_OPTIONS = frozenset(("code_debug", "longbook_choice_eng"))
_OPTIONS = re.compile(r"\nA\. (.*?)\nB\. (.*?)\nC\. (.*?)\nD\. (.*)\Z", re.DOTALL)
_ONE_ANSWER = frozenset(("passkey", "kv_retrieval", "number_string"))


def read(task: str, row: Mapping[str, Any]) -> tuple[str, Question]:
    """Return the context and the question of a row.

    Raises:
        DataError: Its answer is not one that the task can have.
    """
    prompt = official(task, row)
    texts = row["answer"]
    return prompt.context, Question(
        prompt.asked,
        tuple(texts),
        answer_prefix=prompt.answer_prefix,
        max_new_tokens=ENDINGS[task].max_new_tokens,
        details={"task": task, "label": _label(task, row["question"], texts)},
    )


def _label(task: str, question: str, texts: Sequence[str]) -> Any:
    try:
        if task in WITH_OPTIONS:
            return _option(question, texts[0])
        if task == "math_calc":
            return [int(text) for text in texts]
        if task in ("code_run", "math_find"):
            return _number(texts[0])
        return texts[0] if task in _ONE_ANSWER else list(texts)
    except (ValueError, IndexError) as error:
        raise DataError(
            f"The answer {str(list(texts))[:60]} of infinite_bench/{task} cannot be read; give rows of the schema of "
            f"{REPOSITORY}."
        ) from error


def _option(question: str, letter: str) -> list[str]:
    found = _OPTIONS.search(question.rstrip())
    if found is None:
        raise ValueError("no options")
    return [found.group("ABCD".index(letter) + 1), letter]


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
