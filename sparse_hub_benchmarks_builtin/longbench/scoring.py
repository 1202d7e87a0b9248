"""The score of one prediction, as LongBench's eval.py computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sparse_hub_benchmarks_builtin.longbench.metrics.chinese import qa_f1_zh, rouge_l_zh
from sparse_hub_benchmarks_builtin.longbench.metrics.classification import classification
from sparse_hub_benchmarks_builtin.longbench.metrics.code import code_similarity
from sparse_hub_benchmarks_builtin.longbench.metrics.numbers import count, retrieval, retrieval_zh
from sparse_hub_benchmarks_builtin.longbench.tasks import Task
from sparse_hub_benchmarks_builtin.text_metrics.rouge_l import rouge_l
from sparse_hub_benchmarks_builtin.text_metrics.token_f1 import token_f1

MAX_CHARACTERS = 10_000
"""Where predictions are cut. 512 new tokens do not get there, and the quadratic metrics stay within seconds."""

_METRICS: Mapping[str, Callable[[str, str], float]] = {
    "code_similarity": code_similarity,
    "count": count,
    "qa_f1": token_f1,
    "qa_f1_zh": qa_f1_zh,
    "retrieval": retrieval,
    "retrieval_zh": retrieval_zh,
    "rouge_l": lambda prediction, reference: rouge_l(prediction, reference).f,
    "rouge_l_zh": rouge_l_zh,
}


def score(task: Task, prediction: str, references: Sequence[str], classes: Sequence[str]) -> float:
    """Return the best score that a prediction has against any reference, between 0 and 100.

    Args:
        task: The task; it says which metric counts, and whether only the first line does.
        prediction: What the model wrote; what comes after ``MAX_CHARACTERS`` is not looked at.
        references: The answers that count as right.
        classes: The classes to choose from, for tasks that ask for one.
    """
    text = prediction[:MAX_CHARACTERS]
    if task.first_line:
        text = text.lstrip("\n").split("\n")[0]
    metric = partial(classification, classes=classes) if task.metric == "classification" else _METRICS[task.metric]
    return 100.0 * max((metric(text, reference) for reference in references), default=0.0)


def length_bucket(length: int) -> str:
    """Return LongBench-E's name for a length in words."""
    if length < 4000:
        return "0-4k"
    return "4-8k" if length < 8000 else "8k+"
