"""The two parts of a task, split by content, so that what is validated was never searched on."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import Literal, TypeAlias

from sparse_hub_core.benchmark import Request

Part: TypeAlias = Literal["search", "validation"]
SEARCH_SHARE = 3
"""One context in so many belongs to the search, the others to validation."""
FIRST_REQUESTS = 16
"""A context that this many share is taken to be shared by all; the same for both parts, or they would overlap."""


def requests_of(requests: Iterator[Request], part: Part, max_scanned: int) -> Iterator[Request]:
    """Yield those of the first ``max_scanned`` requests that belong to a part."""
    head: list[Request] = []
    # A second context tells at once that it is not shared by all.
    for request in itertools.islice(requests, FIRST_REQUESTS):
        head.append(request)
        if request.context != head[0].context:
            break
    shared_context = len(head) > 1 and head[-1].context == head[0].context
    for request in itertools.islice(itertools.chain(head, requests), max_scanned):
        if part_of(request, shared_context) == part:
            yield request


def part_of(request: Request, shared_context: bool = False) -> Part:
    """Return the part a request belongs to, by its untruncated context, or its questions where that tells nothing."""
    if request.split_by:
        return _part(request.split_by)
    by_question = shared_context or not request.context
    text = "\n".join(question.text for question in request.questions) if by_question else request.context
    return _part(text)


def _part(text: str) -> Part:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return "search" if int.from_bytes(digest[:8], "big") % SEARCH_SHARE == 0 else "validation"
