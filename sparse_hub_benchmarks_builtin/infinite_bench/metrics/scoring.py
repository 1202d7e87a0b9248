"""The score of one prediction, as InfiniteBench's compute_scores.py computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from sparse_hub_benchmarks_builtin.infinite_bench.metrics.answers import f1_of_characters, f1_of_words
from sparse_hub_benchmarks_builtin.infinite_bench.metrics.labels import texts
from sparse_hub_benchmarks_builtin.infinite_bench.metrics.numbers import (
    first_digits,
    first_number,
    last_integer,
    leading_integers,
)
from sparse_hub_benchmarks_builtin.infinite_bench.metrics.options import option_of_book, option_of_code
from sparse_hub_benchmarks_builtin.infinite_bench.metrics.summary import rouge_l_sum
from sparse_hub_benchmarks_builtin.infinite_bench.metrics.words import has_name, has_word

_METRICS: Mapping[str, Callable[[str, Any], float]] = {
    "passkey": first_digits,
    "number_string": first_digits,
    "kv_retrieval": has_word,
    "code_run": last_integer,
    "code_debug": option_of_code,
    "math_find": first_number,
    "math_calc": leading_integers,
    "longbook_choice_eng": option_of_book,
    "longbook_qa_eng": f1_of_words,
    "longbook_qa_chn": f1_of_characters,
    "longbook_sum_eng": rouge_l_sum,
    "longdialogue_qa_eng": has_name,
}


def score(task: str, prediction: str, label: Any) -> float:
    """Return the score of a prediction, between 0 and 1; 0 where the official code raises.

    Args:
        task: The official name of the task, such as ``kv_retrieval``.
        prediction: What the model wrote.
        label: The dataset's answer with its JSON type, which matters: 33 is an answer to ``code_run``, "33" is not.
    """
    return _METRICS[task](prediction, label)


def perfect_prediction(task: str, label: Any) -> str:
    """Return a prediction that scores the most that a label allows, which may be 0 for one that nothing matches."""
    return max(_candidates(task, label), key=lambda prediction: score(task, prediction, label), default="")


def _candidates(task: str, label: Any) -> Iterator[str]:
    values = label if isinstance(label, list) else [label]
    if task == "math_calc":
        answers = values[0] if values and isinstance(values[0], list) else values
        yield " ".join(map(_written, answers))
        return
    for text in map(_written, values):
        yield text
        if task in ("code_debug", "longbook_choice_eng"):
            yield f"{text}."
            yield f"answer is: {text}"
    if isinstance(label, str) and task in ("longbook_qa_eng", "longbook_qa_chn", "longdialogue_qa_eng"):
        # Officially each character of such a label is an answer.
        yield from dict.fromkeys(texts(label))


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    if isinstance(value, float) and math.isfinite(value):
        return f"{Decimal(repr(value)):f}"
    return ""
