"""The metrics of the tasks that ask for one of four options, by its letter or its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sparse_hub_benchmarks_builtin.infinite_bench.metrics.labels import texts

_LETTERS = "ABCD"
# Earlier ones are looked for first, wherever they stand.
_PHRASES_OF_CODE = ("answer is:", "is:", "answer:")
_PHRASES_OF_BOOKS = ("answer is:", "answer:", "answer is", "option is")
_IGNORED_IN_CODE = re.compile("[\n`'\"*-]|[Oo]ption")
_IGNORED_IN_BOOKS = re.compile("[\n\"'.,?!{}]")


def option_of_code(prediction: str, label: Any) -> float:
    """Return whether a prediction names the function or the letter of a label ``[function, letter]``."""
    answers = texts(label)[:2]
    if len(answers) < 2:
        return 0.0
    text = prediction.strip()
    if text[:2] in (f"{answers[1]}.", f"{answers[1]}:"):
        return 1.0
    return float(_starts_with(_after_phrase(_spaced(_IGNORED_IN_CODE, text), _PHRASES_OF_CODE) or "", answers))


def option_of_book(prediction: str, label: Any) -> float:
    """Return whether a prediction names an item of a label, which has the letter and the text of the right option."""
    text = prediction.strip()
    answers = label if isinstance(label, str) else texts(label)
    if not text:
        return 0.0
    if text[0] in _LETTERS:
        return float(text[0] in answers)
    if text in answers:
        return 1.0
    plain = _spaced(_IGNORED_IN_BOOKS, text)
    rest = _after_phrase(plain, _PHRASES_OF_BOOKS)
    if rest is not None:
        return float(_starts_with(rest, answers))
    # A word such as "AB" is taken for a letter too, and is not the right one.
    letter = next((word for word in plain.split() if word in _LETTERS), None)
    return float(letter is not None and letter in answers)


def _spaced(ignored: re.Pattern[str], text: str) -> str:
    return re.sub(" +", " ", ignored.sub(" ", text))


def _after_phrase(text: str, phrases: Sequence[str]) -> str | None:
    """Return what follows a phrase and the one character after it, None where no phrase occurs."""
    for phrase in phrases:
        _, found, rest = text.partition(phrase)
        if found:
            return rest[1:]
    return None


def _starts_with(text: str, answers: Sequence[str]) -> bool:
    return bool(text) and text.startswith(tuple(answers))
