"""Which option a prediction chose."""

from __future__ import annotations

import re


def extract_answer(prediction: str) -> str | None:
    """Return the letter of the option that a prediction names in the phrase that the prompt asks for, or None.

    Asterisks are ignored. An option in brackets anywhere goes before one without, which may also be a word's first
    letter, as in the official code.
    """
    text = prediction.replace("*", "")
    found = re.search(r"The correct answer is \(([A-D])\)", text) or re.search(r"The correct answer is ([A-D])", text)
    return found[1] if found else None
