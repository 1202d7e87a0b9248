"""Reading the answers of the dataset, whose JSON type differs from task to task and decides what counts as equal."""

from __future__ import annotations

from typing import Any


def single(label: Any) -> Any:
    """Return the answer itself where it stands in a list, None where that list is empty."""
    if isinstance(label, list):
        return label[0] if label else None
    return label


def texts(label: Any) -> list[str]:
    """Return the texts of an answer: a list's items, a text's characters; none where an item is no text."""
    if isinstance(label, (str, list)) and all(isinstance(item, str) for item in label):
        return list(label)
    return []
