"""The benchmark as it is registered."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from sparse_hub_core import Benchmark, DataError, HubDataset, Lengths, Question, Request, Rows, UsageError, did_you_mean
from sparse_hub_loft import multi_value, single_value
from sparse_hub_loft.answer_list import predicted_answers
from sparse_hub_loft.normalise import normalise
from sparse_hub_loft.subsets import MULTI_VALUE, SUBSETS

_NAMES = tuple(subset.name for subset in SUBSETS)
_MAX_NEW_TOKENS = 256


class Loft(Benchmark):
    """LOFT's retrieval-augmented generation, with the official prompts and metrics."""

    known_failures: ClassVar[Mapping[str, str]] = {
        "dataset_revision_is_pinned": "no commit of them could be looked up, so a run reads main and records the commit"
    }

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield a request per query, untruncated; all of a subset share their context.

        They are not joined into one, because a single request could not be split between search and validation.

        Args:
            subset: A dataset and a length, such as ``nq_32k``.
            lengths: Not looked at.
            seed: Not looked at.

        Raises:
            UsageError: The subset is unknown, or its rows cannot be had.
        """
        return _requests(subset, self.rows(subset))

    def dataset(self, subset: str) -> HubDataset:
        """Return where the rows of a subset lie: each has a repository of its own."""
        if subset not in _NAMES:
            raise UsageError(f"loft has no subset {subset!r}; {did_you_mean(subset, _NAMES)}")
        repository = f"f20180301/loft-rag-{subset.replace('_', '-')}"
        columns = ("context", "question", "answers")
        return HubDataset(repository, subset, columns, hub_config="", list_columns=("answers",), own_repository=True)

    def score(self, prediction: str, question: Question) -> float | None:
        """Return subspan EM, 0 or 1."""
        return _scores(prediction, question)["subspan_em"] if question.references else None

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        """Return EM, and F1 or, where several answers are wanted, coverage; between 0 and 1."""
        if not question.references:
            return {}
        return {metric: value for metric, value in _scores(prediction, question).items() if metric != "subspan_em"}

    def perfect_prediction(self, question: Question) -> str:
        """Return all references in the format that the prompt asks for."""
        return f"Final Answer: {list(question.references)!r}"


def _requests(subset: str, rows: Rows) -> Iterator[Request]:
    seen: Counter[str] = Counter()
    for index in range(len(rows)):
        row = rows[index]
        digest = hashlib.sha256(row["question"].encode("utf-8", "surrogatepass")).hexdigest()[:12]
        seen[digest] += 1
        repeated = f"-{seen[digest]}" if seen[digest] > 1 else ""
        yield Request(f"{subset}-{digest}{repeated}", row["context"], (_question(subset, row),))


def _question(subset: str, row: Mapping[str, Any]) -> Question:
    # The answer prefix of the dataset is left out: the official prompt ends with the query, and the model is to name
    # its documents first, as the worked examples in the context do.
    return Question(
        text=row["question"],
        references=tuple(row["answers"]),
        max_new_tokens=_max_new_tokens(subset, row.get("max_new_tokens")),
        details={"multi_value": subset.partition("_")[0] in MULTI_VALUE},
    )


def _max_new_tokens(subset: str, said: Any) -> int:
    try:
        return int(said or _MAX_NEW_TOKENS)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"A row of loft/{subset} has {str(said)[:60]!r} in the column 'max_new_tokens', where a number is "
            "expected; correct it, or leave the column out."
        ) from error


def _scores(prediction: str, question: Question) -> dict[str, float]:
    answers = [normalise(answer) for answer in predicted_answers(prediction)]
    references = [normalise(reference) for reference in question.references]
    if question.details["multi_value"]:
        if not answers:
            return {"subspan_em": 0.0, "em": 0.0, "coverage": 0.0}
        return {
            "subspan_em": multi_value.subspan_em(answers, references),
            "em": multi_value.exact_match(answers, references),
            "coverage": multi_value.coverage(answers, references),
        }
    if not answers:
        return {"subspan_em": 0.0, "em": 0.0, "f1": 0.0}
    return {
        "subspan_em": single_value.subspan_em(answers[0], references),
        "em": single_value.exact_match(answers[0], references),
        "f1": single_value.f1(answers[0], references),
    }
