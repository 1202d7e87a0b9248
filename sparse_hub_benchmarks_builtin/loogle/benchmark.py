"""The benchmark as it is registered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from sparse_hub_benchmarks_builtin.loogle.bert_score import bert_score, check_bert_score, model_name
from sparse_hub_benchmarks_builtin.loogle.bleu import bleu
from sparse_hub_benchmarks_builtin.loogle.cloze import exact_match, partial_match
from sparse_hub_benchmarks_builtin.loogle.meteor import check_meteor, meteor
from sparse_hub_benchmarks_builtin.loogle.rouge import rouge_l_recall, rouge_n_recall
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

_REPOSITORY = "simonjegou/loogle"
_CLOZE = "shortdep_cloze"
_MAX_NEW_TOKENS = {"shortdep_qa": 300, "longdep_qa": 500, _CLOZE: 50, "longdep_summarization": 500}
_EXTRA: Mapping[str, tuple[Callable[[str, str], float], Callable[[], None]]] = {
    "meteor": (meteor, check_meteor),
    "bert_score": (bert_score, check_bert_score),
}
"""The metric, and what finds out whether it can be computed."""


class LooGLE(Benchmark):
    """LooGLE's tasks, with the official prompts and metrics."""

    known_failures: ClassVar[Mapping[str, str]] = {
        "dataset_revision_is_pinned": "no commit of it could be looked up, so a run reads main and records the commit"
    }

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield a request per document, untruncated, with all its questions.

        Args:
            subset: ``shortdep_qa``, ``longdep_qa``, ``shortdep_cloze`` or ``longdep_summarization``.
            lengths: Not looked at.
            seed: Not looked at.

        Raises:
            UsageError: The subset is unknown, or its rows cannot be had.
        """
        return group_by_context(subset, self.rows(subset), partial(_read, subset))

    def dataset(self, subset: str) -> HubDataset:
        """Return where the rows lie, whose contexts begin with the official instruction."""
        if subset not in _MAX_NEW_TOKENS:
            raise UsageError(f"loogle has no subset {subset!r}; {did_you_mean(subset, _MAX_NEW_TOKENS)}")
        return HubDataset(_REPOSITORY, subset, columns=("context", "question", "answer"))

    def data_identity(self, subset: str) -> str:
        """Return what identifies the rows, and BERTScore's model where it was asked for.

        Raises:
            UsageError: The rows cannot be had.
        """
        identity = super().data_identity(subset)
        # Scores of two models are not compared, nor taken for one another.
        asked_for = subset != _CLOZE and "bert_score" in self.extra_metrics
        return f"{identity} bert_score {model_name()}" if asked_for else identity

    def score(self, prediction: str, question: Question) -> float:
        """Return ROUGE-L recall, or for a cloze the share of right names, between 0 and 1."""
        entities = question.details.get("entities")
        if entities is not None:
            return exact_match(prediction, entities)
        return rouge_l_recall(prediction, question.references[0])

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        """Return the other official metrics between 0 and 1, and the extra ones that were asked for."""
        entities = question.details.get("entities")
        if entities is not None:
            return {"partial_match": partial_match(prediction, entities)}
        (reference,) = question.references
        extra = {name: metric(prediction, reference) for name, (metric, _) in self._asked_for()}
        return {**rouge_n_recall(prediction, reference), **bleu(prediction, reference), **extra}

    def check_metrics(self) -> None:
        """Find out whether WordNet, or the package and the model of BERTScore, are here where they are needed.

        Raises:
            UsageError: One of them is missing; it says what to install or download.
        """
        for _, (_, check) in self._asked_for():
            check()

    def _asked_for(self) -> list[tuple[str, tuple[Callable[[str, str], float], Callable[[], None]]]]:
        return [(name, extra) for name, extra in _EXTRA.items() if name in self.extra_metrics]


def _read(subset: str, row: Mapping[str, Any]) -> tuple[str, Question]:
    text, answer_prefix = _ending(subset, str(row["question"]))
    entities = _entities(row["answer"]) if subset == _CLOZE else None
    question = Question(
        text,
        # Written as the instruction of the cloze shows it.
        references=(str(row["answer"]) if entities is None else str(entities),),
        answer_prefix=answer_prefix,
        max_new_tokens=_MAX_NEW_TOKENS[subset],
        details={} if entities is None else {"entities": entities},
    )
    return str(row["context"]), question


def _ending(subset: str, question: str) -> tuple[str, str]:
    """Return what follows the context in the official prompt, of which the hub's columns lack two spaces."""
    if subset == "longdep_summarization":
        return "\n", " Summarization: "
    if subset == _CLOZE:
        return question.rstrip() + " \n", "Answer:"
    return question, "Answer: "


def _entities(answer: Any) -> dict[str, str]:
    try:
        entities = json.loads(answer)
        return {str(mask): str(name) for mask, name in entities.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"The answer {str(answer)[:60]!r} of loogle/{_CLOZE} is not a JSON object of masks and names; give rows "
            f"of the schema of {_REPOSITORY}."
        ) from error
