"""The answer of a run for one model and task: which preset to take, and which others are as good."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparse_hub_core.validation.comparison import Answers, Comparison, compare_all
from sparse_hub_core.validation.statistics import FEW_REQUESTS, within_noise


@dataclass(frozen=True)
class Candidate:
    """A validated preset: what it scored, and what it reads."""

    answers: Answers
    density: float | None
    io_density: float | None = None

    @property
    def name(self) -> str:
        """The name of its answers."""
        return self.answers.name


@dataclass(frozen=True)
class Answer:
    """The preset to take, and what it was chosen among."""

    chosen: Candidate
    best: Candidate
    """The one with the best mean score."""
    tied: tuple[str, ...]
    """The others that neither interval nor test tells from the best."""
    unsure: tuple[str, ...]
    """What the test does not tell from the best, though its own interval leaves out zero."""
    beside_best: tuple[Comparison, ...]
    """Each of the others minus the best, adjusted over all pairs of candidates."""
    is_few: bool
    """Too few requests to choose by cost, so the best mean decided."""


def answer(
    candidates: Sequence[Candidate],
    score_range: tuple[float, float],
    higher_is_better: bool = True,
    seed: int = 0,
) -> Answer | None:
    """Return the cheapest of the presets that cannot be told from the best, or None where none has a score.

    Args:
        candidates: The validated presets of one model and task; dense attention is none of them.
        score_range: The lowest and the highest score.
        higher_is_better: The direction of the metric.
        seed: Of the resampling.

    Told apart are two whose 95% interval of the difference leaves out zero, and whose p-value still is at most 5% after
    adjusting over all pairs. That guards against claiming a difference; it must not help a cheap preset into a tie, so
    the one chosen also has an interval of its own that holds zero. A few requests tell nothing apart, and the
    cheapest would win however bad it is; there the best mean wins.
    """
    scored = [candidate for candidate in candidates if candidate.answers.scores]
    if not scored:
        return None
    cost = _cost(scored)
    sign = 1.0 if higher_is_better else -1.0
    best = min(scored, key=lambda one: (-sign * one.answers.mean, cost(one)))
    others = [one for one in scored if one is not best]
    # Which is the best was seen in all pairs, so all of them are adjusted for.
    pairs = compare_all([*(one.answers for one in others), best.answers], score_range, seed)
    beside_best = tuple(pair for pair in pairs if pair.second == best.name)
    untold = [(one, found) for one, found in zip(others, beside_best, strict=True) if not found.is_told]
    is_few = any(found.difference.clusters < FEW_REQUESTS for found in beside_best)
    tied = [one for one, found in untold if within_noise(found.difference)]
    chosen = min([best, *([] if is_few else tied)], key=lambda one: (cost(one), -sign * one.answers.mean))
    return Answer(
        chosen=chosen,
        best=best,
        tied=tuple(one.name for one in tied if one is not chosen),
        unsure=tuple(one.name for one, _ in untold if one not in tied),
        beside_best=beside_best,
        is_few=is_few,
    )


def _cost(candidates: Sequence[Candidate]) -> Callable[[Candidate], float]:
    """Return what a candidate costs: its I/O density, or its density where not all have one; unknown costs most."""
    by_io = all(one.io_density is not None for one in candidates)

    def cost(one: Candidate) -> float:
        value = one.io_density if by_io else one.density
        return math.inf if value is None else value

    return cost
