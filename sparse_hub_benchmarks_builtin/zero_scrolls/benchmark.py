"""The benchmark as it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from sparse_hub_benchmarks_builtin.zero_scrolls.accuracy import same_letter
from sparse_hub_benchmarks_builtin.zero_scrolls.concordance_index import concordance_index
from sparse_hub_benchmarks_builtin.zero_scrolls.exponential_similarity import exponential_similarity
from sparse_hub_benchmarks_builtin.zero_scrolls.rouge import geometric_mean, rouge
from sparse_hub_benchmarks_builtin.zero_scrolls.rows import TaskRows
from sparse_hub_benchmarks_builtin.zero_scrolls.transliterated_f1 import transliterated_f1
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

_MAX_NEW_TOKENS = {
    "gov_report": 1024,
    "summ_screen_fd": 512,
    "qmsum": 512,
    "squality": 512,
    "qasper": 128,
    "narrative_qa": 64,
    "quality": 10,
    "musique": 32,
    "space_digest": 36,
    "book_sum_sort": 256,
}
_METRICS: Mapping[str, Callable[[str, str], float]] = {
    "qasper": transliterated_f1,
    "narrative_qa": transliterated_f1,
    "quality": same_letter,
    "musique": transliterated_f1,
    "space_digest": exponential_similarity,
    "book_sum_sort": concordance_index,
}
"""Those of one reference, between 0 and 1; the other subsets have ROUGE, which is the best over references itself."""


class ZeroScrolls(Benchmark):
    """ZeroSCROLLS' ten tasks, with the official prompts and metrics."""

    known_failures: ClassVar[Mapping[str, str]] = {
        "dataset_revision_is_pinned": "no commit of it could be looked up, so a run reads main and records the commit"
    }

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield a request per document, untruncated, with all its questions.

        Args:
            subset: One of the ten tasks.
            lengths: Not looked at.
            seed: Not looked at.

        Raises:
            UsageError: The subset is unknown, or its rows cannot be had.
        """
        rows = TaskRows(self.rows(subset), subset)
        return group_by_context(subset, rows, partial(_read, subset))

    def dataset(self, subset: str) -> HubDataset:
        """Return where the rows lie: one table for all subsets on the hub, a file for each in a folder."""
        if subset not in _MAX_NEW_TOKENS:
            raise UsageError(f"zero_scrolls has no subset {subset!r}; {did_you_mean(subset, _MAX_NEW_TOKENS)}")
        # Answers may be hidden, which TaskRows looks after.
        return HubDataset("simonjegou/zero_scrolls", subset, ("context", "question", "task"), hub_config="")

    def score(self, prediction: str, question: Question) -> float | None:
        """Return the score between 0 and 100, None where the answer is hidden."""
        if not question.references:
            return None
        metric = _METRICS.get(question.details["subset"])
        if metric is None:
            return 100.0 * geometric_mean(rouge(prediction, question.references))
        return 100.0 * max(metric(prediction, reference) for reference in question.references)

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        """Return what the geometric mean of ROUGE is made of; nothing for the other metrics or a hidden answer."""
        if not question.references or question.details["subset"] in _METRICS:
            return {}
        return {kind: 100.0 * value for kind, value in rouge(prediction, question.references).items()}


def _read(subset: str, row: Mapping[str, Any]) -> tuple[str, Question]:
    context, header = row["context"], str(row.get("answer_prefix") or "")
    # The header's column is stripped; the original input shows the space around it.
    ending = str(row.get("input") or "")[len(context) + len(row["question"]) :]
    if ending.strip() != header:
        ending = f"\n\n{header}\n"
    start = ending.index(header)
    question = Question(
        text=row["question"] + ending[:start],
        references=row["references"],
        answer_prefix=ending[start:],
        max_new_tokens=_MAX_NEW_TOKENS[subset],
        details={"subset": subset},
    )
    return context, question
