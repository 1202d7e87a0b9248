"""Requests for a stage: split between search and validation by content, rendered, and cut to length."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sparse_hub_core.benchmark import Benchmark, Lengths, Request
from sparse_hub_core.data.parts import Part, requests_of
from sparse_hub_core.errors import DataError, UsageError
from sparse_hub_core.evaluation import PreparedRequest
from sparse_hub_core.lookup import SAMPLE_SUFFIX
from sparse_hub_core.models.prompt import count_tokens, prompt_overhead, render_prompts

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
    lengths = Lengths(room, lambda text: count_tokens(tokenizer, text), max_context_length)
    try:
        requests = benchmark.requests(subset, lengths, seed)
        chosen = itertools.islice(requests_of(requests, part, max_requests * MAX_SCANNED_PER_REQUEST), max_requests)
        prepared = tuple(
            PreparedRequest(replace(request, id=mark + request.id), render_prompts(tokenizer, request, room))
            for request in _with_questions(task, chosen)
        )
        _require_unique_ids(task, prepared)
    except DataError:
        raise
    except UsageError as error:
        raise UsageError(
            f"{error} (--{part}-max-context-length is {max_context_length}, of which the chat template and special "
            f"tokens take {overhead}.)"
        ) from error
    if not prepared:
        raise UsageError(
            f"No request of {task} belongs to the {part} part, because it has too few contexts to be split; run it "
            "on more of them, or judge a configuration that is known with sparse-hub validate."
        )
    return prepared


def _with_questions(task: str, requests: Iterator[Request]) -> Iterator[Request]:
    for request in requests:
        if not request.questions:
            raise DataError(f"The request {request.id!r} of {task} has no question; leave it out or give it one.")
        yield request


def _require_unique_ids(task: str, prepared: Sequence[PreparedRequest]) -> None:
    """Check that ids tell requests apart, because what was answered is kept by them.

    Raises:
        DataError: Two requests share one.
    """
    counts = Counter(one.request.id for one in prepared)
    for request_id, count in counts.items():
        if count > 1:
            raise DataError(f"{task} has {count} requests with the id {request_id!r}; each needs one of its own.")
