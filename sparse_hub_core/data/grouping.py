"""Rows about one context become one request, so that its prefix is prefilled once and intervals are clustered by it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sparse_hub_core.benchmark import Question, Request
from sparse_hub_core.data.source import Rows


def group_by_context(
    name: str, rows: Rows, read: Callable[[Mapping[str, Any]], tuple[str, Question]]
) -> Iterator[Request]:
    """Yield a request per context, in the order in which the contexts first occur.

    Args:
        name: What the ids begin with, such as the subset; a digest of the context follows.
        rows: The rows of the subset.
        read: Returns the context and the question of a row. Rows without a context become a request each.
    """
    places: dict[str, list[int]] = {}
    for index in range(len(rows)):
        context, question = read(rows[index])
        places.setdefault(_digest(context or f"{index}: {question.text}"), []).append(index)
    for digest, indices in places.items():
        # Read again instead of kept, because a subset of long contexts is larger than memory.
        pairs = [read(rows[index]) for index in indices]
        yield Request(f"{name}-{digest}", pairs[0][0], tuple(question for _, question in pairs))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
