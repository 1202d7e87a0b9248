"""The metrics of the tasks whose answer is a number or a list of numbers."""

from __future__ import annotations

import re
from typing import Any

from sparse_hub_benchmarks_builtin.infinite_bench.metrics.labels import single

_DIGITS = re.compile("[0-9]+")
_NUMBER = re.compile(r"\d+\.\d+|\d+")
_SEPARATORS_OF_CODE_RUN = str.maketrans(dict.fromkeys("\n.`'\":", " "))


def first_digits(prediction: str, label: Any) -> float:
    """Return whether the first digits of a prediction are the answer, digit by digit; a label must be a text."""
    found = _DIGITS.search(prediction)
    return float(single(label) == (found[0] if found else ""))


def last_integer(prediction: str, label: Any) -> float:
    """Return whether the last word of a prediction is the whole number that the answer is."""
    words = prediction.strip().translate(_SEPARATORS_OF_CODE_RUN).split()
    number = _integer(words[-1]) if words else None
    return float(number is not None and number == single(label))


def first_number(prediction: str, label: Any) -> float:
    """Return whether the first number of a prediction equals the answer; for a whole answer it must be written so."""
    answer = single(label)
    found = _NUMBER.search(prediction)
    if found is None or not isinstance(answer, (int, float)):
        return 0.0
    number = float(found[0]) if isinstance(answer, float) else _integer(found[0])
    return float(number == answer)


def leading_integers(prediction: str, label: Any) -> float:
    """Return the share of a list of answers that a prediction gives, in order, before its first wrong number."""
    answers = label[0] if isinstance(label, list) and label and isinstance(label[0], list) else label
    numbers = [_integer(digits) for digits in _DIGITS.findall(prediction)]
    if not isinstance(answers, list) or not answers or None in numbers:
        return 0.0
    right = 0
    for answer, number in zip(answers, numbers, strict=False):
        if answer != number:
            break
        right += 1
    return right / len(answers)


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        # Not a number, or one of more digits than Python reads.
        return None
