"""Sentence BLEU as LooGLE takes it from nltk: the precision of words, and that of sequences of four words alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any


def bleu(prediction: str, reference: str) -> dict[str, float]:
    """Return BLEU-1 and what LooGLE calls BLEU-4, between 0 and 1, 0 where a text has no words."""
    # Imported here because nltk takes two seconds that listing benchmarks has no use for.
    from nltk.translate.bleu_score import sentence_bleu

    words = prediction.split()
    weights = {"bleu1": (1, 0, 0, 0), "bleu4": (0, 0, 0, 1)}
    return {
        name: float(sentence_bleu([reference.split()], words, weight, smoothing_function=_no_smoothing))
        for name, weight in weights.items()
    }


def _no_smoothing(precisions: Sequence[Fraction], **_: Any) -> list[Fraction | float]:
    # nltk's own way of not smoothing gives the same, but warns for every question without a match.
    return [precision if precision.numerator else sys.float_info.min for precision in precisions]
