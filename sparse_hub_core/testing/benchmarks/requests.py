"""Checks of the requests: their ids, their order, and what a question holds."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence

from sparse_hub_core.benchmark import Lengths, Question, Request
from sparse_hub_core.testing.benchmarks.conditions import is_generated, keeps_answers_out, sample_loads
from sparse_hub_core.testing.benchmarks.each_subset import each_subset
from sparse_hub_core.testing.benchmarks.subset import SEED, SubsetSubject, words
from sparse_hub_core.testing.check import require

FEW = 5
SEEDS = (SEED, 1, 2)
SHORTEST_LEAK = 4
"""Characters of an answer from which on finding it in the question is no accident."""


@each_subset(sample_loads)
def ids_are_unique(subset: SubsetSubject) -> None:
    """Every request has an id of its own."""
    ids = [request.id for request in subset.requests]
    require(ids, "there are no requests")
    require(
        all(isinstance(name, str) and name.strip() for name in ids), "a request has an empty id, or one that is no str"
    )
    twice = next((name for name in ids if ids.count(name) > 1), None)
    require(twice is None, f"{ids.count(twice)} requests have the id {twice!r}" if twice else "")


@each_subset(sample_loads)
def requests_come_in_a_fixed_order(subset: SubsetSubject) -> None:
    """The first k requests are the same however many are taken, by whom, and beside what else."""
    few = min(FEW, len(subset.requests) - 1)
    first = subset.requests[: few + 1]
    ways = {
        "again": subset.take(few + 1),
        "by a new instance": subset.take(few + 1, benchmark=subset.fresh()),
        "one fewer": (*subset.take(few), *first[few:]),
        "in turns with another seed": _in_turns(subset, few + 1),
    }
    for way, requests in ways.items():
        differ = [index for index, (one, other) in enumerate(zip(first, requests, strict=False)) if one != other]
        require(not differ, f"taken {way}, request {differ[0] if differ else 0} is another one")
        require(len(requests) == len(first), f"taken {way}, there are {len(requests)} requests instead of {len(first)}")


def _in_turns(subset: SubsetSubject, count: int) -> tuple[Request, ...]:
    lengths = Lengths(subset.length, words)
    one, other = (subset.benchmark.requests(subset.name, lengths, seed) for seed in SEEDS[:2])
    return tuple(request for request, _ in itertools.islice(zip(one, other, strict=False), count))


@each_subset(sample_loads)
def questions_are_complete(subset: SubsetSubject) -> None:
    """A question asks something, of answers that are text, and at least one token is to be generated."""
    for request in subset.requests:
        require(isinstance(request.questions, tuple) and request.questions, f"{request.id!r} has no tuple of questions")
        for question in request.questions:
            require(
                request.context.strip() or question.text.strip(), f"{request.id!r} has neither context nor question"
            )
            tokens = question.max_new_tokens
            require(isinstance(tokens, int) and tokens >= 1, f"{request.id!r} lets {tokens} tokens be generated")
            texts = isinstance(question.references, tuple) and all(isinstance(r, str) for r in question.references)
            require(texts, f"the references of {request.id!r} are no tuple of str: {question.references!r}")
            named = all(isinstance(text, str) for pair in question.strata.items() for text in pair)
            require(named, f"the strata of {request.id!r} are no names by names: {question.strata!r}")


@each_subset(sample_loads)
def details_are_json(subset: SubsetSubject) -> None:
    """What scoring needs of a question comes back from JSON as it was."""
    for request, question in _questions(subset):
        details = dict(question.details)
        try:
            again = json.loads(json.dumps(details, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise AssertionError(f"the details of {request.id!r} are no JSON: {error}") from None
        require(again == details, f"the details of {request.id!r} come back from JSON as {again!r}, not {details!r}")


@each_subset(sample_loads, keeps_answers_out)
def questions_hold_no_answers(subset: SubsetSubject) -> None:
    """No answer stands in its question or before the words to be generated, unless answers_in_question is declared."""
    told_to_all = _references_in_every_question(subset.questions)
    for request, question in _questions(subset):
        for reference in set(question.references) - told_to_all:
            for where, text in (("text", question.text), ("answer prefix", question.answer_prefix)):
                found = _stands_in(reference, text)
                require(not found, f"the {where} of {request.id!r} holds its answer {reference[:60]!r}")


def _references_in_every_question(questions: Sequence[Question]) -> set[str]:
    """Return the answers that an instruction names to all, such as "unanswerable"; naming them tells nothing."""
    if len({question.references for question in questions}) < 2:
        return set()
    references = {reference for question in questions for reference in question.references}
    return {one for one in references if all(_stands_in(one, question.text) for question in questions)}


def _stands_in(reference: str, text: str) -> bool:
    wanted = " ".join(reference.casefold().split())
    if len(wanted) < SHORTEST_LEAK:
        return False
    text = " ".join(text.casefold().split())
    # Languages that put no spaces between words have no bounds to look for.
    pattern = rf"(?<!\w){re.escape(wanted)}(?!\w)" if wanted.isascii() else re.escape(wanted)
    return re.search(pattern, text) is not None


@each_subset(is_generated)
def generated_requests_do_not_end(subset: SubsetSubject) -> None:
    """What is generated gives as many requests as are asked for."""
    number = len(subset.requests)
    require(number == subset.count, f"there are only {number} requests, of {subset.count} that were asked for")


@each_subset(is_generated)
def another_seed_gives_others(subset: SubsetSubject) -> None:
    """Another seed gives other contexts or other answers."""
    contents = [{_content(request) for request in subset.take(FEW, seed=seed)} for seed in SEEDS]
    for (seed, one), (other_seed, other) in itertools.combinations(zip(SEEDS, contents, strict=True), 2):
        number = len(one & other)
        require(not number, f"{number} of {FEW} requests are the same with the seeds {seed} and {other_seed}")


def _content(request: Request) -> tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    return request.context, tuple((question.text, question.references) for question in request.questions)


def _questions(subset: SubsetSubject) -> Iterator[tuple[Request, Question]]:
    return ((request, question) for request in subset.requests for question in request.questions)
