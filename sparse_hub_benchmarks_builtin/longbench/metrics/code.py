"""The metric of the tasks that ask for the next line of code."""

from __future__ import annotations

from difflib import SequenceMatcher

_NOT_CODE = ("`", "#", "//")


def code_similarity(prediction: str, reference: str) -> float:
    """Return how similar the first line of code of a prediction is to a reference, in whole percent."""
    lines = prediction.lstrip("\n").split("\n")
    line = next((line for line in lines if not any(mark in line for mark in _NOT_CODE)), "")
    if line == reference:
        return 1.0
    if not line or not reference:
        return 0.0
    # What fuzzywuzzy's ratio is where python-Levenshtein is not installed.
    return round(100 * SequenceMatcher(None, line, reference).ratio()) / 100
