"""ROUGE as SCROLLS and ZeroSCROLLS compute it: F measures without stemming, the best over the references."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

TYPES = ("rouge1", "rouge2", "rougeL")
MAX_CHARACTERS = 10_000
"""Where predictions are cut. 1,024 new tokens of prose do not get there, and ROUGE-L, which is quadratic, ends soon."""


# The score of a question and what is shown beside it are asked for one after the other.
@lru_cache(maxsize=1)
def rouge(prediction: str, references: tuple[str, ...]) -> Mapping[str, float]:
    """Return the F measure of each type, the best over the references type by type, between 0 and 1.

    The official code splits both texts into lines by sentence first, which changes none of these three.

    Args:
        prediction: What the model wrote; what comes after ``MAX_CHARACTERS`` is not looked at.
        references: The answers that count as right.
    """
    # Imported here because it brings nltk and numpy, which listing benchmarks has no use for.
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(TYPES), use_stemmer=False)
    scores = [scorer.score(reference, prediction[:MAX_CHARACTERS]) for reference in references]
    return MappingProxyType({kind: max(float(score[kind].fmeasure) for score in scores) for kind in TYPES})


def geometric_mean(scores: Mapping[str, float]) -> float:
    """Return the geometric mean of the three types."""
    return math.prod(scores.values()) ** (1 / len(scores))
