"""The benchmark as it is registered."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sparse_hub_benchmarks_builtin.generating.requests import generate
from sparse_hub_benchmarks_builtin.infinite_bench.generated.tasks import GENERATED
from sparse_hub_benchmarks_builtin.infinite_bench.metrics.scoring import perfect_prediction, score
from sparse_hub_benchmarks_builtin.infinite_bench.rows import REPOSITORY, read
from sparse_hub_benchmarks_builtin.infinite_bench.subsets import SUBSETS
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


class InfiniteBench(Benchmark):
    """InfiniteBench's twelve tasks with the official metrics; five of them can be generated at any length."""

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield a request per text, untruncated, or without end where the subset is generated.

        Args:
            subset: A task, such as ``kv_retrieval``, or one that is made here, such as ``kv_retrieval_generated``.
            lengths: What prompt, answer prefix and tokens to generate keep to together, if generated.
            seed: Another seed gives other requests, if generated.

        Raises:
            UsageError: The subset is unknown, its rows cannot be had, or the length is too short to generate it.
        """
        dataset = self.dataset(subset)
        if dataset is None:
            return generate("infinite_bench", subset, GENERATED[subset], lengths, seed)
        return group_by_context(subset, self.rows(subset), partial(read, subset))

    def dataset(self, subset: str) -> HubDataset | None:
        """Return where the rows lie, whose contexts begin with the official instruction; None if generated."""
        names = [known.name for known in SUBSETS]
        if subset not in names:
            raise UsageError(f"infinite_bench has no subset {subset!r}; {did_you_mean(subset, names)}")
        if subset in GENERATED:
            return None
        return HubDataset(
            REPOSITORY,
            subset,
            columns=("context", "question", "answer_prefix", "answer"),
            revision="aaead86e917560307fb0fd5b5c53da52f663865f",
            list_columns=("answer",),
        )

    def score(self, prediction: str, question: Question) -> float:
        """Return the official score, between 0 and 1."""
        return score(question.details["task"], prediction, question.details["label"])

    def perfect_prediction(self, question: Question) -> str:
        """Return the prediction that scores best, which is written as the task's metric reads it."""
        return perfect_prediction(question.details["task"], question.details["label"])
