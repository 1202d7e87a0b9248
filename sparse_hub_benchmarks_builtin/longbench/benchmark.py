"""The benchmark as it is registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sparse_hub_benchmarks_builtin.longbench.prompts import prompt_of
from sparse_hub_benchmarks_builtin.longbench.scoring import length_bucket, score
from sparse_hub_benchmarks_builtin.longbench.tasks import TASK_OF_SUBSET, WITHOUT_CHAT, Task, is_by_length
from sparse_hub_core import (
    Benchmark,
    DataError,
    HubDataset,
    Lengths,
    Question,
    Request,
    UsageError,
    did_you_mean,
    group_by_context,
)


class LongBench(Benchmark):
    """LongBench and LongBench-E, with the official prompts, metrics and numbers of new tokens."""

    def dataset(self, subset: str) -> HubDataset:
        """Return the rows on the hub, whose contexts and questions are parts of the official prompt.

        A folder may also hold the original files of THUDM, which have a column ``input`` in place of the question.
        """
        # Null where there are no classes to choose from.
        lists = ("answers", "all_classes") if _has_classes(_task(subset)) else ("answers",)
        return HubDataset(
            "Xnhyacinth/LongBench",
            subset,
            columns=("context", "length", *lists),
            revision="2e9ade51ebf45d98942056c0716234f9d5d257d5",
            list_columns=lists,
            other_columns=("length",),
        )

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield a request per text, untruncated, in the order of the dataset.

        Raises:
            UsageError: The subset is unknown, or its rows cannot be had.
        """
        task = _task(subset)
        rows = self.rows(subset)
        if len(rows) and not ({"question", "answer_prefix"} <= rows[0].keys() or "input" in rows[0]):
            raise DataError(
                f"The rows of longbench/{subset} have neither the columns 'question' and 'answer_prefix' of "
                "Xnhyacinth/LongBench nor the column 'input' of THUDM/LongBench; give a folder that holds either."
            )
        return group_by_context(subset, rows, lambda row: _read(subset, task, row))

    def score(self, prediction: str, question: Question) -> float:
        """Return the best score against any reference, between 0 and 100."""
        task = TASK_OF_SUBSET[question.details["task"]]
        return score(task, prediction, question.references, question.details["all_classes"])

    def perfect_prediction(self, question: Question) -> str:
        """Return the reference that scores best, since one may be all articles or hold a comment."""
        return max(question.references, key=lambda reference: self.score(reference, question), default="")


def _task(subset: str) -> Task:
    if subset not in TASK_OF_SUBSET:
        raise UsageError(f"longbench has no subset {subset!r}; {did_you_mean(subset, TASK_OF_SUBSET)}")
    return TASK_OF_SUBSET[subset]


def _read(subset: str, task: Task, row: Mapping[str, Any]) -> tuple[str, Question]:
    for column in ("question", "answer_prefix", "input"):
        if not isinstance(row.get(column, ""), str):
            raise _wrong(subset, column, row[column], "text")
    prompt = prompt_of(task.name, row)
    question = Question(
        prompt.question,
        tuple(row["answers"]),
        prompt.answer_prefix,
        task.max_new_tokens,
        as_chat=task.name not in WITHOUT_CHAT,
        details={"task": task.name, "all_classes": row["all_classes"] if _has_classes(task) else []},
        strata={"length": length_bucket(_length(subset, row))} if is_by_length(subset) else {},
    )
    return prompt.context, question


def _has_classes(task: Task) -> bool:
    return task.metric == "classification"


def _length(subset: str, row: Mapping[str, Any]) -> int:
    try:
        return int(row["length"])
    except (TypeError, ValueError) as error:
        raise _wrong(subset, "length", row["length"], "a number") from error


def _wrong(subset: str, column: str, value: Any, expected: str) -> DataError:
    return DataError(
        f"A row of longbench/{subset} has {str(value)[:60]!r} in the column {column!r}, where {expected} is expected; "
        "give rows of the schema of Xnhyacinth/LongBench or THUDM/LongBench."
    )
