"""The metrics of the tasks whose answer is a short text: the F1 of words, or of Chinese characters."""

from __future__ import annotations

from typing import Any

from sparse_hub_benchmarks_builtin.infinite_bench.metrics.labels import texts
from sparse_hub_benchmarks_builtin.text_metrics.chinese_punctuation import without_punctuation
from sparse_hub_benchmarks_builtin.text_metrics.token_f1 import f1_of_tokens, normalise


def f1_of_words(prediction: str, label: Any) -> float:
    """Return the best F1 of words over the answers."""
    words = normalise(prediction).split()
    return max((f1_of_tokens(words, normalise(answer).split()) for answer in texts(label)), default=0.0)


def f1_of_characters(prediction: str, label: Any) -> float:
    """Return the best F1 of characters over the answers, in lower case, without punctuation and white space."""
    characters = _plain(prediction)
    return max((f1_of_tokens(characters, _plain(answer)) for answer in texts(label)), default=0.0)


def _plain(text: str) -> str:
    return "".join(without_punctuation(text.lower()).split())
