"""The benchmark as it is registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from sparse_hub_benchmarks_builtin.longbench_v2.metric import extract_answer
from sparse_hub_core import (
    Benchmark,
    HubDataset,
    Lengths,
    Question,
    Request,
    UsageError,
    did_you_mean,
    group_by_context,
)

_MAX_NEW_TOKENS = {"0shot": 128, "cot": 1024}


class LongBenchV2(Benchmark):
    """LongBench v2, with the official extraction of answers."""

    known_failures: ClassVar[Mapping[str, str]] = {
        "dataset_revision_is_pinned": (
            "no public source names a commit of Xnhyacinth/LongBench-v2, so a run records the one that it finds"
        )
    }

    def dataset(self, subset: str) -> HubDataset:
        """Return the rows on the hub, whose contexts and questions are parts of the prompt."""
        _check(subset)
        return HubDataset(
            "Xnhyacinth/LongBench-v2",
            subset,
            columns=("context", "question", "answer_prefix", "answer", "difficulty", "length"),
        )

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield a request per text, untruncated, in the order of the dataset.

        Raises:
            UsageError: The subset is unknown, or its rows cannot be had.
        """
        _check(subset)
        return group_by_context(subset, self.rows(subset), lambda row: _read(subset, row))

    def score(self, prediction: str, question: Question) -> float:
        """Return 100 for the right option and 0 for another or none."""
        return 100.0 * (extract_answer(prediction) in question.references)

    def perfect_prediction(self, question: Question) -> str:
        """Return the phrase that the prompt asks for, with the right option."""
        return f"The correct answer is ({question.references[0]})"


def _check(subset: str) -> None:
    if subset not in _MAX_NEW_TOKENS:
        raise UsageError(f"longbench_v2 has no subset {subset!r}; {did_you_mean(subset, _MAX_NEW_TOKENS)}")


def _read(subset: str, row: Mapping[str, Any]) -> tuple[str, Question]:
    question = Question(
        # The answer prefix is the instruction how to answer, which the official prompt gives the user to say.
        row["question"] + row["answer_prefix"],
        (row["answer"],),
        max_new_tokens=_MAX_NEW_TOKENS[subset],
        strata={"difficulty": row["difficulty"], "length": row["length"]},
    )
    return row["context"], question
