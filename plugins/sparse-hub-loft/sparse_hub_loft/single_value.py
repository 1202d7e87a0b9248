"""The metrics of a question with one answer, which may be written in several ways; texts are normalised before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def subspan_em(answer: str, references: Sequence[str]) -> float:
    """Return 1 where a reference is part of the answer."""
    return float(any(reference in answer for reference in references))


def exact_match(answer: str, references: Sequence[str]) -> float:
    """Return 1 where the answer is one of the references."""
    return float(answer in references)


def f1(answer: str, references: Sequence[str]) -> float:
    """Return the F1 of the words of an answer, the best over the references."""
    return max(_f1(answer.split(), reference.split()) for reference in references)


def _f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    shared = sum((Counter(answer) & Counter(reference)).values())
    return 2 * shared / (len(answer) + len(reference)) if shared else 0.0
