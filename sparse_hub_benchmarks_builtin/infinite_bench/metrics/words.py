"""The metrics of the tasks whose answer is one word of the prediction."""

from __future__ import annotations

from typing import Any

_SEPARATORS = str.maketrans(dict.fromkeys("\n:\"'.,?!{}", " "))


def has_word(prediction: str, label: Any) -> float:
    """Return whether the answer is a word of the prediction."""
    return float(label in prediction.translate(_SEPARATORS).split())


def has_name(prediction: str, label: Any) -> float:
    """Return whether the first answer is a word of the prediction in capitals."""
    # Officially the first character where the label is a text, so that such a label matches next to nothing.
    name = label[0] if isinstance(label, (str, list)) and label else None
    return float(name in [word.upper() for word in prediction.translate(_SEPARATORS).split()])
