"""RULER's metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONTROL_CHARACTERS = re.compile("[\x00-\x1f]")


def string_match_all(prediction: str, references: Sequence[str]) -> float:
    """Return the share of the references that occur in a prediction.

    Args:
        prediction: What the model wrote.
        references: The answers, matched as substrings whatever their case.

    Returns:
        A value between 0 and 100; 0 when there is no reference.
    """
    found = _found(prediction, references)
    return 100.0 * sum(found) / len(found) if found else 0.0


def string_match_part(prediction: str, references: Sequence[str]) -> float:
    """Return 100 when at least one of the references occurs in a prediction, else 0."""
    return 100.0 if any(_found(prediction, references)) else 0.0


def _found(prediction: str, references: Sequence[str]) -> list[bool]:
    # A newline in place of a control character, because deleting it would join two words.
    text = _CONTROL_CHARACTERS.sub("\n", prediction.strip()).strip().lower()
    return [reference.lower() in text for reference in references]
