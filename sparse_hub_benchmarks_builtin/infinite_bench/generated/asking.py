"""What the generators have in common: the official prompt around a context."""

from __future__ import annotations

from typing import Any

from sparse_hub_benchmarks_builtin.generating.sample import Sample
from sparse_hub_benchmarks_builtin.infinite_bench.prompts import ANSWER_PREFIXES, CONTEXTS, ENDINGS, ending
from sparse_hub_core import Question


def ask(task: str, context: str, question: str, label: Any, **named: str) -> Sample:
    """Return the sample of a task; named are the things that its prompt names around the context."""
    return Sample(
        CONTEXTS[task].format(context=context, **named),
        Question(
            ending(task, question),
            references=(str(label),),
            answer_prefix=ANSWER_PREFIXES[task].format(**named),
            max_new_tokens=ENDINGS[task].max_new_tokens,
            details={"task": task, "label": label},
        ),
    )
