"""Interval methods that were tried and not taken, to measure them beside the one that is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Bounds = tuple[float, float]
Array = NDArray[np.float64]
RESAMPLES = 1999
LEVEL = 0.95


def by_request(values: Sequence[Sequence[float]]) -> tuple[Array, Array]:
    """Return the sum and the number of each request's questions."""
    return np.array([sum(of) for of in values]), np.array([len(of) for of in values], dtype=float)


def percentile(sums: Array, counts: Array) -> Bounds:
    """The percentile bootstrap over requests."""
    return _quantiles(_resampled(sums, counts), (1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0)


def expanded_percentile(sums: Array, counts: Array) -> Bounds:
    """Hesterberg's, https://arxiv.org/abs/1411.5279: percentiles further out, as t and n - 1 instead of n ask for."""
    n = len(sums)
    tail = float(stats.norm.cdf(-np.sqrt(n / (n - 1)) * stats.t.ppf((1.0 + LEVEL) / 2.0, n - 1)))
    return _quantiles(_resampled(sums, counts), tail, 1.0 - tail)


def bca(sums: Array, counts: Array) -> Bounds:
    """Efron's bias-corrected and accelerated bootstrap."""
    resampled, mean = _resampled(sums, counts), sums.sum() / counts.sum()
    below = float((np.mean(resampled < mean) + np.mean(resampled <= mean)) / 2.0)
    bias = float(stats.norm.ppf(np.clip(below, 1.0 / RESAMPLES, 1.0 - 1.0 / RESAMPLES)))
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    pulls = left_out.mean() - left_out
    spread = float((pulls**2).sum()) ** 1.5
    acceleration = float((pulls**3).sum()) / (6.0 * spread) if spread > 0.0 else 0.0
    reach = float(stats.norm.ppf((1.0 + LEVEL) / 2.0))
    low, high = (float(stats.norm.cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)))) for z in (-reach, reach))
    return _quantiles(resampled, low, high)


def plain_t(sums: Array, counts: Array) -> Bounds:
    """Student's t with n - 1 degrees of freedom and the standard error clustered by request."""
    n, mean = len(sums), sums.sum() / counts.sum()
    error = np.sqrt(((sums - counts * mean) ** 2).sum() * n / (n - 1)) / counts.sum()
    half = float(stats.t.ppf((1.0 + LEVEL) / 2.0, n - 1) * error)
    return float(mean) - half, float(mean) + half


METHODS: dict[str, Callable[[Array, Array], Bounds]] = {
    "percentile bootstrap": percentile,
    "expanded percentile": expanded_percentile,
    "BCa": bca,
    "t, n - 1": plain_t,
}


def _resampled(sums: Array, counts: Array) -> Array:
    weights = _weights(len(sums))
    means: Array = (weights @ sums) / (weights @ counts)
    return means


def _quantiles(resampled: Array, low: float, high: float) -> Bounds:
    bounds = np.quantile(resampled, [low, high])
    return float(bounds[0]), float(bounds[1])


@cache
def _weights(n: int) -> Array:
    """Return how often each resample takes each request; one set for all, as a seed would give."""
    return np.random.default_rng(n).multinomial(n, np.full(n, 1.0 / n), RESAMPLES).astype(float)
