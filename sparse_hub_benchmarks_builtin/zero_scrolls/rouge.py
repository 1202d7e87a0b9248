"""ROUGE as SCROLLS and ZeroSCROLLS compute it: F measures without stemming, the best over the references."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

TYPES = ("rouge1", "rouge2", "rougeL")


def rouge(prediction: str, references: Sequence[str]) -> dict[str, float]:
    """Return the F measure of each type, the best over the references type by type, between 0 and 1.

    The official code splits both texts into lines by sentence first, which changes none of these three.
    """
    # Imported here because it brings nltk and numpy, which listing benchmarks has no use for.
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(TYPES), use_stemmer=False)
    scores = [scorer.score(reference, prediction) for reference in references]
    return {kind: max(float(score[kind].fmeasure) for score in scores) for kind in TYPES}


def geometric_mean(scores: Mapping[str, float]) -> float:
    """Return the geometric mean of the three types."""
    return math.prod(scores.values()) ** (1 / len(scores))
