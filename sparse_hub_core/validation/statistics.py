"""Means with 95% intervals, resampled by request because questions about one context are not independent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sparse_hub_core.results.schema import Interval

CONFIDENCE = 0.95
RESAMPLES = 9999
FEW_OUTCOMES, FEW_REQUESTS = 2, 10


def clustered_mean(values: Sequence[Sequence[float]], low: float, high: float, seed: int = 0) -> Interval:
    """Return the mean over all questions with a bootstrap interval over requests.

    Args:
        values: The values of each request's questions.
        low: The lowest value there can be.
        high: The highest value there can be.
        seed: Of the resampling.

    A bootstrap of few or nearly equal requests sees too little spread and would claim too much. There the interval is
    at least what an unseen share of other outcomes could still move the mean by: that share is at most
    1 - 0.05^(1/n) with 95% confidence (the rule of three).
    """
    sums = np.array([float(np.sum(of_request)) for of_request in values])
    counts = np.array([len(of_request) for of_request in values], dtype=float)
    mean = float(sums.sum() / counts.sum())
    outcomes = set(zip(sums.tolist(), counts.tolist(), strict=True))
    bounds = (mean, mean) if len(outcomes) == 1 else _bootstrap(sums, counts, seed)
    if len(outcomes) <= FEW_OUTCOMES or len(values) < FEW_REQUESTS:
        unseen = 1.0 - (1.0 - CONFIDENCE) ** (1.0 / len(values))
        bounds = min(bounds[0], mean - unseen * (mean - low)), max(bounds[1], mean + unseen * (high - mean))
    return Interval(
        mean=mean,
        low=bounds[0],
        high=bounds[1],
        n=int(counts.sum()),
        clusters=len(values),
        standard_error=_standard_error(sums, counts),
    )


def _standard_error(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> float | None:
    """Return the standard error of a mean over clusters of unequal size, linearised as a ratio of two sums."""
    num_clusters = len(sums)
    if num_clusters == 1:
        return None
    residuals = sums - counts * sums.sum() / counts.sum()
    spread = float((residuals**2).sum()) * num_clusters / (num_clusters - 1)
    return math.sqrt(spread) / float(counts.sum())


def _bootstrap(sums: NDArray[np.float64], counts: NDArray[np.float64], seed: int) -> tuple[float, float]:
    def ratio(sums: NDArray[np.float64], counts: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        resampled: NDArray[np.float64] = sums.sum(axis=axis) / counts.sum(axis=axis)
        return resampled

    result = stats.bootstrap(
        (sums, counts),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def paired_difference(
    sparse: Sequence[Sequence[float]], dense: Sequence[Sequence[float]], low: float, high: float, seed: int = 0
) -> Interval:
    """Return the mean of sparse minus dense over the same questions, with its interval."""
    differences = [
        [s - d for s, d in zip(of_sparse, of_dense, strict=True)]
        for of_sparse, of_dense in zip(sparse, dense, strict=True)
    ]
    return clustered_mean(differences, low - high, high - low, seed)


def within_noise(difference: Interval) -> bool:
    """Whether the interval of a difference holds zero, so that the two cannot be told apart."""
    return difference.low <= 0.0 <= difference.high


def is_told(difference: Interval, adjusted_p: float | None) -> bool:
    """Whether two can be told apart: the interval leaves out zero, and the test, if any, rejects after adjusting."""
    return not within_noise(difference) and (adjusted_p is None or adjusted_p <= 1.0 - CONFIDENCE + 1e-12)
