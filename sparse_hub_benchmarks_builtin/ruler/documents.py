"""The questions and documents of RULER's two question answering tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sparse_hub_core import DataError, HubDataset, Rows


@dataclass(frozen=True)
class DocumentQuestion:
    """A question, its answers, and documents by number."""

    text: str
    answers: tuple[str, ...]
    own: tuple[int, ...]
    """Those that are always there."""
    related: tuple[int, ...] = ()
    """Those that are the first to be added."""


@dataclass(frozen=True)
class Corpus:
    """All documents of a dataset, and its questions in order."""

    documents: tuple[str, ...]
    questions: tuple[DocumentQuestion, ...]


ReadCorpus: TypeAlias = Callable[[Rows], Corpus]

DATASETS = {
    "qa_1": HubDataset(
        "rajpurkar/squad_v2",
        config="squad_v2",
        columns=("id", "title", "context", "question", "answers"),
        split="validation",
        revision="3ffb306f725f7d2ce8394bc1873b24868140c412",
        other_columns=("answers",),
    ),
    "qa_2": HubDataset(
        "hotpotqa/hotpot_qa",
        config="distractor",
        columns=("question", "answer", "context"),
        split="validation",
        revision="1908d6afbbead072334abe2965f91bd2709910ab",
        other_columns=("context",),
    ),
}


def read_squad(rows: Rows) -> Corpus:
    """Return the paragraphs of SQuAD, and those of its questions that have an answer."""
    table = [rows[index] for index in range(len(rows))]
    documents, numbers = _numbered(row["context"] for row in table)
    articles: dict[str, dict[int, None]] = {}
    for row in table:
        articles.setdefault(row["title"], {})[numbers[row["context"]]] = None
    questions = []
    for row in table:
        own = numbers[row["context"]]
        if answers := _answers(row["answers"]):
            related = tuple(number for number in articles[row["title"]] if number != own)
            questions.append(DocumentQuestion(row["question"], answers, (own,), related))
    return Corpus(documents, tuple(questions))


def read_hotpotqa(rows: Rows) -> Corpus:
    """Return the paragraphs of HotpotQA, and its questions, each with the ten that come with it."""
    table = [rows[index] for index in range(len(rows))]
    paragraphs = [_paragraphs(row["context"]) for row in table]
    documents, numbers = _numbered(paragraph for own in paragraphs for paragraph in own)
    questions = tuple(
        DocumentQuestion(row["question"], (row["answer"],), tuple(numbers[paragraph] for paragraph in own))
        for row, own in zip(table, paragraphs, strict=True)
    )
    return Corpus(documents, questions)


READERS: Mapping[str, ReadCorpus] = {"qa_1": read_squad, "qa_2": read_hotpotqa}


def _answers(answers: Any) -> tuple[str, ...]:
    texts = answers.get("text") if isinstance(answers, Mapping) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _wrong("qa_1", "answers", answers, "an object with a list 'text'")
    return tuple(texts)


def _paragraphs(context: Any) -> list[str]:
    try:
        # The hub has columns of titles and sentences, the original file pairs of them.
        pairs = zip(context["title"], context["sentences"], strict=True) if isinstance(context, Mapping) else context
        return [f"{title}\n{''.join(sentences)}" for title, sentences in pairs]
    except (TypeError, ValueError, KeyError) as error:
        raise _wrong("qa_2", "context", context, "titles, each with a list of sentences,") from error


def _wrong(subset: str, column: str, value: Any, expected: str) -> DataError:
    return DataError(
        f"A row of ruler/{subset} has {str(value)[:60]!r} in the column {column!r}, where {expected} is expected; give "
        f"rows of the schema of {DATASETS[subset].repository}."
    )


def _numbered(texts: Iterable[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    documents = tuple(sorted(set(texts)))
    return documents, {document: number for number, document in enumerate(documents)}
