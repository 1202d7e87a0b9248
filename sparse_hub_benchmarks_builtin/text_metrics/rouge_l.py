"""ROUGE-L over sentences, equal to that of the package rouge 1.0.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RougeL:
    """The share of the reference's words that are found, of the prediction's words that are right, and their mean."""

    recall: float
    precision: float
    f: float


def rouge_l(prediction: str, reference: str) -> RougeL:
    """Return ROUGE-L of two texts whose words are separated by spaces and whose sentences end with full stops.

    The package itself is not called, because it recurses once per word and keeps a dictionary entry for each pair of
    words: a long sentence ends in a RecursionError at a length that depends on the caller. Where it gives a score,
    this gives the same. Takes time and memory in proportion to the product of both lengths.

    Returns:
        Values between 0 and 1, a perfect match a little below because of the package's smoothing; all 0 where a text
        has no sentence, which the package refuses.
    """
    predicted, expected = _sentences(prediction), _sentences(reference)
    if not predicted or not expected:
        return RougeL(0.0, 0.0, 0.0)
    found: set[str] = set()
    for expected_words in expected:
        for predicted_words in predicted:
            found |= _common_words(expected_words, predicted_words)
    recall = len(found) / len(_vocabulary(expected))
    precision = len(found) / len(_vocabulary(predicted))
    return RougeL(recall, precision, 2.0 * (precision * recall / (precision + recall + 1e-8)))


def _sentences(text: str) -> list[list[str]]:
    # A blank sentence counts as one empty word, as in the package.
    return [" ".join(sentence.split()).split(" ") for sentence in text.split(".") if sentence]


def _vocabulary(sentences: list[list[str]]) -> set[str]:
    return {word for sentence in sentences for word in sentence}


def _common_words(first: Sequence[str], second: Sequence[str]) -> set[str]:
    """Return the words of the longest common subsequence that the package chooses among equally long ones."""
    lengths = [[0] * (len(second) + 1)]
    for word in first:
        above = lengths[-1]
        row = [0]
        for column, other in enumerate(second):
            row.append(above[column] + 1 if word == other else max(above[column + 1], row[column]))
        lengths.append(row)
    common = set()
    i, j = len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            common.add(first[i])
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return common
