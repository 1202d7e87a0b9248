"""Kinds of paired scores as benchmarks give them, on a scale of 0 to 100, with their true mean difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

ByRequest: TypeAlias = list[list[float]]
Draw: TypeAlias = Callable[[np.random.Generator, int], ByRequest]
LARGEST = 5
"""Questions of the largest request; sizes from 1 to it are equally likely."""


@dataclass(frozen=True)
class Case:
    """A kind of difference: what a request of it looks like, and the mean over all there could be."""

    name: str
    truth: float
    draw: Draw
    lowest: float = -100.0


def right_or_wrong(loss: float, gain: float) -> Case:
    """One question a request; sparse loses or gains it with these probabilities."""

    def draw(rng: np.random.Generator, requests: int) -> ByRequest:
        chance = rng.random(requests)
        return _single(np.select([chance < loss, chance < loss + gain], [-100.0, 100.0], 0.0))

    told = f"right or wrong: {loss:.0%} lost, {gain:.0%} gained"
    return Case(told, 100.0 * (gain - loss), draw)


def graded_noise(spread: float, mean: float) -> Case:
    """Every answer changes a little."""

    def draw(rng: np.random.Generator, requests: int) -> ByRequest:
        return _single(rng.normal(mean, spread, requests))

    return Case(f"graded: all change by {spread:g} or so", mean, draw)


def graded_changes(changed: float, lost: float) -> Case:
    """Most answers stay the same; of the others a share loses, the rest gains, by anything from 0 to 100."""

    def draw(rng: np.random.Generator, requests: int) -> ByRequest:
        size = 100.0 * rng.beta(1.0, 1.5, requests) * np.where(rng.random(requests) < lost, -1.0, 1.0)
        return _single(np.where(rng.random(requests) < changed, size, 0.0))

    return Case(f"graded: {changed:.0%} change, {lost:.0%} of them lose", 40.0 * changed * (1.0 - 2.0 * lost), draw)


def graded_rare(share: float) -> Case:
    """All change by next to nothing, but a few lose nearly everything: the hardest for any method."""

    def draw(rng: np.random.Generator, requests: int) -> ByRequest:
        broken = rng.random(requests) < share
        return _single(np.where(broken, -rng.uniform(30.0, 100.0, requests), rng.normal(0.0, 3.0, requests)))

    return Case(f"graded: noise of 3, and {share:.0%} lose 30 to 100", -65.0 * share, draw)


def clustered_right_or_wrong(loss: float, gain: float, correlation: float) -> Case:
    """1 to 5 questions a request; whether they are lost hangs together within it."""
    weight = (1.0 - correlation) / correlation

    def draw(rng: np.random.Generator, requests: int) -> ByRequest:
        sizes = _sizes(rng, requests)
        lost, gained = (
            np.repeat(rng.beta(p * weight, (1.0 - p) * weight, requests), sizes) > rng.random(sizes.sum())
            for p in (loss, gain)
        )
        return _split(np.where(lost, -100.0, np.where(gained, 100.0, 0.0)), sizes)

    told = f"right or wrong, 1 to 5 questions: {loss:.0%} lost, correlation {correlation:g}"
    return Case(told, 100.0 * ((1.0 - loss) * gain - loss), draw)


def clustered_graded(mean: float, per_size: float = 0.0) -> Case:
    """1 to 5 questions a request that share most of their change, which may grow with their number."""

    def draw(rng: np.random.Generator, requests: int) -> ByRequest:
        sizes = _sizes(rng, requests)
        shared = np.repeat(rng.normal(mean + per_size * sizes, 15.0), sizes)
        return _split(shared + rng.normal(0.0, 8.0, sizes.sum()), sizes)

    numbers = np.arange(1, LARGEST + 1)
    truth = mean + per_size * float((numbers**2).sum() / numbers.sum())
    return Case(f"graded, 1 to 5 questions{', larger ones lose more' if per_size else ''}", truth, draw)


def scores(right: float) -> Case:
    """No difference but a score: one question a request, right with this probability."""

    def draw(rng: np.random.Generator, requests: int) -> ByRequest:
        return _single(np.where(rng.random(requests) < right, 100.0, 0.0))

    return Case(f"a score alone: {right:.0%} right", 100.0 * right, draw, lowest=0.0)


CASES = (
    right_or_wrong(0.2, 0.2),
    right_or_wrong(0.17, 0.03),
    right_or_wrong(0.04, 0.01),
    right_or_wrong(0.05, 0.0),
    graded_noise(8.0, -2.0),
    graded_changes(0.4, 0.6),
    graded_changes(0.1, 0.9),
    graded_rare(0.1),
    clustered_right_or_wrong(0.2, 0.1, 0.5),
    clustered_right_or_wrong(0.05, 0.02, 0.7),
    clustered_graded(-3.0),
    clustered_graded(0.0, -3.0),
    scores(0.6),
    scores(0.9),
)


def _sizes(rng: np.random.Generator, requests: int) -> NDArray[np.int64]:
    return rng.integers(1, LARGEST + 1, requests)


def _single(values: NDArray[np.float64]) -> ByRequest:
    return [[value] for value in values.tolist()]


def _split(values: NDArray[np.float64], sizes: NDArray[np.int64]) -> ByRequest:
    ends = np.cumsum(sizes).tolist()
    flat = values.tolist()
    return [flat[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True)]
