"""Checks of the offline sample, and of how requests are split for a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from sparse_hub_core.benchmark import Request
from sparse_hub_core.data.parts import Part, requests_of
from sparse_hub_core.data.selection import NoSuchFilesError
from sparse_hub_core.testing.benchmarks.conditions import has_dataset, sample_loads
from sparse_hub_core.testing.benchmarks.each_subset import each_subset
from sparse_hub_core.testing.benchmarks.subset import SubsetSubject
from sparse_hub_core.testing.check import require


@each_subset(has_dataset)
def sample_loads_offline(subset: SubsetSubject) -> None:
    """The offline sample has rows and gives requests without a network, here and in a process that has no cache."""
    if subset.sample_error is not None:
        _require_files(subset, subset.sample_error.__cause__)
        raise subset.sample_error
    require(len(subset.rows), "the offline sample has no rows")
    require(subset.requests, "the offline sample gives no requests")
    require(subset.there, "the offline sample gives no requests in another process")


def _require_files(subset: SubsetSubject, cause: BaseException | None) -> None:
    # Loading tells its users what to do; here the reader is the author.
    if subset.dataset is None or not isinstance(cause, NoSuchFilesError | FileNotFoundError):
        return
    reason = cause if isinstance(cause, NoSuchFilesError) else "there is no such folder"
    named = ", ".join(subset.dataset.data_files) or f"{subset.dataset.config}.jsonl"
    raise AssertionError(f"put {named} into {subset.benchmark.sample_folder}: {reason}")


@each_subset(has_dataset, sample_loads)
def sample_has_the_columns(subset: SubsetSubject) -> None:
    """Every row of the offline sample has the columns that are declared."""
    assert subset.dataset is not None
    for index in range(len(subset.rows)):
        missing = [column for column in subset.dataset.columns if column not in subset.rows[index]]
        require(not missing, f"row {index} of the offline sample lacks the columns {missing}")


@each_subset(sample_loads)
def both_parts_are_there(subset: SubsetSubject) -> None:
    """The search part and the validation part, split by content, both have requests, and share no content."""
    contents = {}
    for part in get_args(Part):
        found = tuple(requests_of(iter(subset.requests), part, len(subset.requests)))
        require(found, f"none of {len(subset.requests)} requests belongs to the {part} part; more contexts are needed")
        contents[part] = found
    search, validation = (_contents(contents[part], subset.requests) for part in get_args(Part))
    shared = sorted(search & validation)
    number = len(shared)
    require(
        not shared,
        f"{number} of {len(search)} contents of the search part are in the validation part too, save for case and "
        f"spaces; one begins with {shared[0][:60]!r}"
        if shared
        else "",
    )


def _contents(requests: Sequence[Request], all_requests: Sequence[Request]) -> set[str]:
    shared_context = len({request.context for request in all_requests}) == 1
    texts = (
        "\n".join(question.text for question in request.questions)
        if shared_context or not request.context
        else request.context
        for request in requests
    )
    return {" ".join(text.casefold().split()) for text in texts}
