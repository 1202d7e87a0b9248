"""What is known of the subsets without their data."""

from __future__ import annotations

from sparse_hub_core import Subset

_LICENCE = "MIT (corpora vary)"
_HIDDEN = "the answers of the hub's test split are hidden, so there is no score without a validation folder"


def _rouge(name: str, typical_length: int, summary: str) -> Subset:
    return _subset(name, "rouge_geometric_mean", typical_length, summary, ("rouge1", "rouge2", "rougeL"))


def _subset(
    name: str,
    metric: str,
    typical_length: int,
    summary: str,
    other_metrics: tuple[str, ...] = (),
    options: bool = False,
) -> Subset:
    return Subset(
        name,
        metric,
        licence=_LICENCE,
        typical_length=typical_length,
        summary=f"{summary}; {_HIDDEN}",
        other_metrics=other_metrics,
        answers_in_question=options,
    )


SUBSETS: tuple[Subset, ...] = (
    _rouge("gov_report", 10_000, "a one-page summary of a report by a government agency"),
    _rouge("summ_screen_fd", 8_000, "a one-paragraph summary of the script of a TV episode"),
    _rouge("qmsum", 15_000, "summaries of meeting transcripts, each for a query"),
    _rouge("squality", 7_000, "paragraphs that answer questions about a story"),
    _subset("qasper", "token_f1", 5_000, "questions about scientific articles, some unanswerable"),
    _subset("narrative_qa", "token_f1", 70_000, "questions about novels and movie scripts"),
    _subset("quality", "accuracy", 6_000, "questions with four options about a story", options=True),
    _subset("musique", "token_f1", 2_500, "questions that combine several Wikipedia paragraphs, some unanswerable"),
    _subset("space_digest", "exponential_similarity", 7_500, "the percentage of positive hotel reviews"),
    _subset("book_sum_sort", "concordance_index", 9_500, "the order of shuffled summaries of a novel's chapters"),
)
