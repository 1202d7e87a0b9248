"""Requests of RULER, two ways to count tokens, and how long a request is by either."""

import re
from collections.abc import Callable
from itertools import islice

from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_core import DataSource, Lengths, Request

RULER = Ruler(DataSource("sample"))


def by_words(text: str) -> int:
    return len(text.split())


def by_pieces(text: str) -> int:
    """Counts about as a subword tokenizer does."""
    return len(re.findall(r"[a-z]{1,4}|[A-Z]{1,2}|\d{1,3}|\S", text))


def take(
    subset: str, length: int = 2048, seed: int = 0, k: int = 4, count: Callable[[str], int] = by_words
) -> list[Request]:
    return list(islice(RULER.requests(subset, Lengths(length, count), seed), k))


def prompt(request: Request) -> str:
    (question,) = request.questions
    return request.context + question.text + question.answer_prefix


def used(request: Request, count: Callable[[str], int]) -> int:
    return count(prompt(request)) + request.questions[0].max_new_tokens
