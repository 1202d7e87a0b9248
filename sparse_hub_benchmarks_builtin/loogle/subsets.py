"""What is known of the subsets without their data."""

from __future__ import annotations

from sparse_hub_core import Subset

_LICENCE = "MIT (data CC-BY-SA-4.0)"
_TYPICAL_LENGTH = 24_000
"""What the authors state of their documents."""


def _text(name: str, summary: str) -> Subset:
    return Subset(
        name,
        "rougeL_recall",
        score_range=(0.0, 1.0),
        licence=_LICENCE,
        typical_length=_TYPICAL_LENGTH,
        summary=summary,
        other_metrics=("rouge1_recall", "rouge2_recall", "bleu1", "bleu4"),
        extra_metrics=("meteor", "bert_score"),
    )


SUBSETS: tuple[Subset, ...] = (
    _text("shortdep_qa", "questions about a Wikipedia article, each answered by one passage"),
    _text("longdep_qa", "questions about an article or a script that combine evidence from all over it"),
    Subset(
        "shortdep_cloze",
        "exact_match",
        score_range=(0.0, 1.0),
        licence=_LICENCE,
        typical_length=_TYPICAL_LENGTH,
        summary="the names of masked persons, places and organisations in sentences about a script",
        other_metrics=("partial_match",),
    ),
    _text("longdep_summarization", "the summary of an arXiv paper"),
)
