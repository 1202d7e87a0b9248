"""The metrics of the tasks whose answer is a number: counting, and naming a paragraph."""

from __future__ import annotations

import re


def count(prediction: str, reference: str) -> float:
    """Return the share of a prediction's numbers that are the right one, digit by digit."""
    numbers = re.findall(r"\d+", prediction)
    return numbers.count(reference) / len(numbers) if numbers else 0.0


def retrieval(prediction: str, reference: str) -> float:
    """Return the share of a prediction's numbers that are the paragraph of a reference such as ``Paragraph 7``."""
    return _paragraph(prediction, re.search(r"Paragraph (\d+)", reference))


def retrieval_zh(prediction: str, reference: str) -> float:
    """Return the share of a prediction's numbers that are the paragraph of a reference such as ``段落7``."""
    return _paragraph(prediction, re.search(r"段落(\d+)", reference))


def _paragraph(prediction: str, right: re.Match[str] | None) -> float:
    return count(prediction, right[1]) if right else 0.0
