"""Requests for a stage: split between search and validation by content, rendered, and cut to length."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from sparse_hub_core.benchmark import Benchmark, Lengths, Request
from sparse_hub_core.errors import DataError, UsageError
from sparse_hub_core.evaluation import PreparedRequest
from sparse_hub_core.lookup import SAMPLE_SUFFIX
from sparse_hub_core.models.prompt import count_tokens, prompt_overhead, render_prompts

Part = Literal["search", "validation"]
SEARCH_SHARE = 3
"""One context in so many belongs to the search, the others to validation."""
MAX_SCANNED_PER_REQUEST = 50


def prepare_requests(
    benchmark: Benchmark,
    task: str,
    tokenizer: Any,
    part: Part,
    max_context_length: int,
    max_requests: int,
    seed: int,
) -> tuple[PreparedRequest, ...]:
    """Return the first requests of a task that belong to one part, with their prompts.

    Raises:
        UsageError: The context length is too short, or no request belongs to this part.
    """
    subset = task.partition("/")[2].removesuffix(SAMPLE_SUFFIX)
    mark = "sample-" if task.endswith(SAMPLE_SUFFIX) else ""
    overhead = prompt_overhead(tokenizer)
    room = max_context_length - overhead
    lengths = Lengths(room, lambda text: count_tokens(tokenizer, text))
    try:
        requests = benchmark.requests(subset, lengths, seed)
        chosen = itertools.islice(_of_part(requests, part, max_requests * MAX_SCANNED_PER_REQUEST), max_requests)
        prepared = tuple(
            PreparedRequest(replace(request, id=mark + request.id), render_prompts(tokenizer, request, room))
            for request in chosen
        )
    except DataError:
        raise
    except UsageError as error:
        raise UsageError(
            f"{error} (--{part}-max-context-length is {max_context_length}, of which the chat template and special "
            f"tokens take {overhead}.)"
        ) from error
    if not prepared:
        raise UsageError(
            f"No request of {task} belongs to the {part} part; the subset has too few contexts to be split."
        )
    return prepared


def _of_part(requests: Iterator[Request], part: Part, max_scanned: int) -> Iterator[Request]:
    head: list[Request] = []
    # A second context tells at once that it is not shared by all.
    for request in itertools.islice(requests, max_scanned):
        head.append(request)
        if request.context != head[0].context:
            break
    shared_context = len(head) > 1 and head[-1].context == head[0].context
    for request in itertools.islice(itertools.chain(head, requests), max_scanned):
        if part_of(request, shared_context) == part:
            yield request


def part_of(request: Request, shared_context: bool = False) -> Part:
    """Return the part a request belongs to, by its untruncated context, or its questions where that tells nothing."""
    by_question = shared_context or not request.context
    text = "\n".join(question.text for question in request.questions) if by_question else request.context
    digest = hashlib.sha256(text.encode()).digest()
    return "search" if int.from_bytes(digest[:8], "big") % SEARCH_SHARE == 0 else "validation"
