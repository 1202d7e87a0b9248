"""Which number a solution gives as its answer, by the rules of the two years."""

from __future__ import annotations

import re
from collections.abc import Iterator

LARGEST = 999
_MOST_DIGITS = 1_000
"""Python refuses to read numbers of some thousands of digits; none of them is an answer."""
_BOX = re.compile(r"\\boxed\{([^}]*)\}")
_BOX_WITHOUT_BACKSLASH = re.compile(r"boxed\{([^}]*)\}")
_STATED = (
    re.compile(r"(?:answer|solution)\s*(?:is|:)\s*(\d+)", re.IGNORECASE),
    re.compile(r"answer\s*(?:is|:)\s*(\d+)", re.IGNORECASE),
    re.compile(r"(?:therefore|thus|so)\s*(?:the\s+)?(?:answer|solution)\s*(?:is|:)\s*(\d+)", re.IGNORECASE),
)
_NUMBER = re.compile(r"\b\d+\b")
_SHORT_NUMBER = re.compile(r"\b\d{1,3}\b")


def rule_2024(prediction: str) -> str:
    """Return the first number of the last box, without a box the first short one of the last line that has one.

    Short are up to three digits. Leading zeros are dropped. A box without a number gives what is in it; where nothing
    is found, the text is empty.
    """
    boxes = _boxes(_BOX, prediction)
    if boxes:
        found = re.search(r"\d+", boxes[-1])
        return without_leading_zeros(found.group() if found else boxes[-1].strip())
    for line in reversed(prediction.strip().split("\n")):
        found = _SHORT_NUMBER.search(line)
        if found:
            return without_leading_zeros(found.group())
    return ""


def rule_2025(prediction: str) -> str:
    """Return the last number of the last box, without one a number that is stated, or the last one there is.

    A statement ("the answer is 7") counts before the last number of a line, where later lines go first, and that before
    any other number. Without a box only numbers up to 999 count. Leading zeros in a box or a statement are kept.
    """
    boxes = _boxes(_BOX, prediction) or _boxes(_BOX_WITHOUT_BACKSLASH, prediction)
    boxed = re.findall(r"\d+", boxes[-1]) if boxes else []
    if boxed:
        return str(boxed[-1])
    for pattern in _STATED:
        stated = pattern.findall(prediction)
        if stated and _is_answer(stated[-1]):
            return str(stated[-1])
    return next((str(int(number)) for number in _unstated(prediction) if _is_answer(number)), "")


def without_leading_zeros(answer: str) -> str:
    """Return a number without its leading zeros, any other text as it is."""
    return str(int(answer)) if answer.isdecimal() and len(answer) <= _MOST_DIGITS else answer


def _unstated(prediction: str) -> Iterator[str]:
    for line in reversed(prediction.strip().split("\n")):
        yield from _NUMBER.findall(line)[-1:]
    yield from reversed(_NUMBER.findall(prediction))


def _boxes(pattern: re.Pattern[str], prediction: str) -> list[str]:
    # What is open at the end would be searched to the end from every box on.
    return pattern.findall(prediction, 0, prediction.rfind("}") + 1)


def _is_answer(number: str) -> bool:
    return len(number) <= _MOST_DIGITS and int(number) <= LARGEST
