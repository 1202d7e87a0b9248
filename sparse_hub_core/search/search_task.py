"""What one search is about, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sparse_hub_core.optimizer_factory import Optimizer
from sparse_hub_core.results.schema import Correlation
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.answer_book import AnswerBook
from sparse_hub_core.search.ladder import Rung
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.winner import Choice
from sparse_hub_core.workers.worker import Stage


@dataclass(frozen=True)
class SearchTask:
    """What one search is about."""

    task: str
    optimizer: Optimizer
    create_algorithm: Callable[..., SearchAlgorithm]
    """Takes a search space, the numbers of samples and workers, and a seed."""
    targets: tuple[Target, ...]
    rungs: tuple[Rung, ...]
    stage: Stage
    book: AnswerBook
    first: Sequence[dict[str, Any]] = ()
    """Parameters to try before any others."""

    @property
    def num_keys(self) -> int:
        """The shortest prefix, which decides what is feasible."""
        return min(len(prompt.prefix) for prepared in self.stage.requests for prompt in prepared.prompts)


@dataclass(frozen=True)
class Found:
    """What a search found: a choice for each target, None where nothing keeps to its budget."""

    choices: tuple[Choice | None, ...]
    top: Rung
    correlations: tuple[Correlation, ...]
