"""The subsets as they are registered; free of heavy imports."""

from __future__ import annotations

from sparse_hub_core import Subset


def _subset(name: str, summary: str) -> Subset:
    return Subset(
        name,
        metric="accuracy",
        licence="Apache-2.0 (documents vary)",
        # Of the published median of 54 thousand words.
        typical_length=75_000,
        summary=summary,
        answers_in_question=True,
    )


SUBSETS = (
    _subset("0shot", "multiple-choice questions about long documents, dialogues, tables and code, answered at once"),
    _subset("cot", "the same questions, answered after thinking aloud"),
)
