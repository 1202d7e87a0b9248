"""What a benchmark is: requests (a context with its questions) and a score. Free of torch."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from sparse_hub_core.data.source import DataSource, HubDataset, Rows

CountTokens: TypeAlias = Callable[[str], int]
"""Counts the tokens of a text as the model under test does, special tokens left out."""


@dataclass(frozen=True)
class Question:
    """One question about a context, with the answers that count as right."""

    text: str
    references: tuple[str, ...]
    answer_prefix: str = ""
    max_new_tokens: int = 128
    details: Mapping[str, Any] = field(default_factory=dict)
    """What scoring needs beside the references, as JSON values."""
    as_chat: bool = True
    """Whether a model's chat template goes around it, which completion and few-shot prompts do without."""
    strata: Mapping[str, str] = field(default_factory=dict)
    """Groups that are scored apart as well, such as ``{"difficulty": "easy"}``."""


@dataclass(frozen=True)
class Request:
    """One context with its questions; ``id`` is stable and unique within a task."""

    id: str
    context: str
    questions: tuple[Question, ...]
    split_by: str = ""
    """What decides between search and validation where the context changes with its length; else the context does."""


@dataclass(frozen=True)
class Lengths:
    """What a benchmark must keep to when it makes requests, in tokens of the model under test."""

    max_context_length: int
    count_tokens: CountTokens
    whole_length: int | None = None
    """The length that was asked for, with the chat template and the special tokens; None where it is the same."""


class Benchmark(ABC):
    """Makes the requests of its subsets and scores predictions."""

    known_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of the conformance kit that it fails, each with the reason."""

    def __init__(self, data: DataSource | None = None, extra_metrics: Sequence[str] = ()) -> None:
        """Take where the rows come from, by default the hub, and the extra metrics that were asked for."""
        self.data = data or DataSource()
        self.extra_metrics = tuple(extra_metrics)

    @abstractmethod
    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield the requests of a subset, in a fixed order, the first k the same however many are taken.

        Generated subsets fill ``lengths.max_context_length`` (prompt, answer prefix and the tokens to generate) as
        closely as their units allow and never end; fixed ones yield untruncated contexts and may ignore it.

        Raises:
            UsageError: The context length is too short for the subset, or its data cannot be had.
        """

    @abstractmethod
    def score(self, prediction: str, question: Question) -> float | None:
        """Return the score of one prediction, on the scale its subset was registered with, whatever was predicted.

        None says that the question cannot be scored, because its answer is not published.
        """

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        """Return further scores of a prediction by metric, on the same scale; those of ``extra_metrics`` too."""
        return {}

    def check_metrics(self) -> None:  # noqa: B027
        """Find out, before anything runs, whether the extra metrics that were asked for can be computed.

        Raises:
            UsageError: A package or a model that one of them needs is missing.
        """

    def dataset(self, subset: str) -> HubDataset | None:
        """Return where the rows of a subset lie, None for one that is generated."""
        return None

    @property
    def sample_folder(self) -> Path:
        """The offline sample: ``<config>.jsonl`` files in the schema of the dataset, by default in ``sample/`` here."""
        return Path(inspect.getfile(type(self))).parent / "sample"

    def rows(self, subset: str) -> Rows:
        """Return the rows of a subset, from the hub, a folder, or the offline sample.

        Raises:
            UsageError: They cannot be had, or lack a column.
        """
        # Imported here because the hub client takes a while, and scoring has no use for it.
        from sparse_hub_core.data.loading import load_rows

        dataset = self.dataset(subset)
        if dataset is None:
            raise TypeError(f"The subset {subset!r} is generated and has no rows.")
        return load_rows(self.data, dataset, self.sample_folder)

    def data_identity(self, subset: str) -> str:
        """Return what identifies the content that a subset's requests are made of, without reading all of it.

        Raises:
            UsageError: The rows cannot be had.
        """
        dataset = self.dataset(subset)
        if dataset is None:
            return "generated"
        from sparse_hub_core.data.loading import data_identity

        return data_identity(self.data, dataset, self.sample_folder)

    def perfect_prediction(self, question: Question) -> str:
        """Return a prediction that scores the best there is; the conformance kit holds the metric to it."""
        return question.references[0] if question.references else ""
