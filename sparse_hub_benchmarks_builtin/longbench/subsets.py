"""The subsets as they are registered; free of heavy imports."""

from __future__ import annotations

from sparse_hub_benchmarks_builtin.longbench.tasks import TASK_OF_SUBSET, Task, is_by_length
from sparse_hub_core import Subset

# Rough tokens of today's tokenizers per word, Chinese character, or word of code (cut at white space).
_TOKENS = {"en": 1.4, "zh": 0.8, "code": 2.5}
_AVERAGE_WORDS_BY_LENGTH = 6000
"""LongBench-E has as many texts below 4000 as between 4000 and 8000 and above; its average is not published."""


def _subset(name: str, task: Task) -> Subset:
    words = _AVERAGE_WORDS_BY_LENGTH if is_by_length(name) else task.average_length
    tokens_per_word = _TOKENS[task.language]
    return Subset(
        name,
        metric=task.metric,
        licence="MIT (corpora vary)",
        typical_length=int(round(words * tokens_per_word, -2)),
        summary=task.summary + (", scored by length" if is_by_length(name) else ""),
        answers_in_question=task.answers_in_question,
    )


SUBSETS = tuple(_subset(name, task) for name, task in TASK_OF_SUBSET.items())
