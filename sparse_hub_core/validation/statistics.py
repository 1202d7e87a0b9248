"""Means with 95% intervals, clustered by request because questions about one context are not independent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sparse_hub_core.results.schema import Interval

CONFIDENCE = 0.95
FEW_DIFFERENT, FEW_REQUESTS = 3, 10


def clustered_mean(values: Sequence[Sequence[float]], low: float, high: float) -> Interval:
    """Return the mean over all questions with a t interval over requests.

    Args:
        values: The values of each request's questions.
        low: The lowest value there can be.
        high: The highest value there can be.

    The standard error is clustered by request. The degrees of freedom are Satterthwaite's for the kurtosis that was
    seen: where a few requests make up the spread, the standard error itself is uncertain, and t allows for that.
    Where fewer than 3 requests differ from the others, or there are fewer than 10, no spread that was seen is to be
    trusted. There the interval is at least what an unseen share of other outcomes could still move the mean by: that
    share is at most 1 - 0.05^(1/n) with 95% confidence (the rule of three).
    """
    sums = np.array([float(np.sum(of_request)) for of_request in values])
    counts = np.array([len(of_request) for of_request in values], dtype=float)
    mean = float(sums.sum() / counts.sum())
    residuals = sums - counts * mean
    error = _standard_error(residuals, counts)
    half = 0.0 if error is None else error * _t_value(residuals)
    bounds = max(mean - half, low), min(mean + half, high)
    bounds = rule_of_three(sums / counts, mean, bounds, (low, high))
    return Interval(
        mean=mean,
        low=bounds[0],
        high=bounds[1],
        n=int(counts.sum()),
        clusters=len(values),
        standard_error=error,
    )


def _standard_error(residuals: NDArray[np.float64], counts: NDArray[np.float64]) -> float | None:
    """Return the standard error of a mean over clusters of unequal size, linearised as a ratio of two sums."""
    num_clusters = len(residuals)
    if num_clusters == 1:
        return None
    spread = float((residuals**2).sum()) * num_clusters / (num_clusters - 1)
    return math.sqrt(spread) / float(counts.sum())


def _t_value(residuals: NDArray[np.float64]) -> float:
    """Return the quantile of t for as many degrees of freedom as the kurtosis leaves to the variance."""
    num_clusters = len(residuals)
    squared = float((residuals**2).sum())
    excess = num_clusters * float((residuals**4).sum()) / squared**2 - 1.0 if squared > 0.0 else 0.0
    degrees = float(num_clusters - 1)
    if excess > 0.0:
        degrees = min(degrees, max(1.0, 2.0 * num_clusters / excess))
    return float(stats.t.ppf((1.0 + CONFIDENCE) / 2.0, degrees))


def rule_of_three(
    means: NDArray[np.float64], mean: float, bounds: tuple[float, float], ends: tuple[float, float]
) -> tuple[float, float]:
    """Return bounds that leave room for what few or nearly equal requests did not show; others as they are."""
    num_different = len(means) - max(Counter(np.round(means, 9).tolist()).values())
    if num_different >= FEW_DIFFERENT and len(means) >= FEW_REQUESTS:
        return bounds
    unseen = 1.0 - (1.0 - CONFIDENCE) ** (1.0 / len(means))
    return min(bounds[0], mean - unseen * (mean - ends[0])), max(bounds[1], mean + unseen * (ends[1] - mean))


def paired_difference(
    sparse: Sequence[Sequence[float]], dense: Sequence[Sequence[float]], low: float, high: float
) -> Interval:
    """Return the mean of sparse minus dense over the same questions, with its interval."""
    differences = [
        [s - d for s, d in zip(of_sparse, of_dense, strict=True)]
        for of_sparse, of_dense in zip(sparse, dense, strict=True)
    ]
    return clustered_mean(differences, low - high, high - low)


def within_noise(difference: Interval) -> bool:
    """Whether the interval of a difference holds zero, so that the two cannot be told apart."""
    return difference.low <= 0.0 <= difference.high


def is_told(difference: Interval, adjusted_p: float | None) -> bool:
    """Whether two can be told apart: the interval leaves out zero, and the test, if any, rejects after adjusting."""
    return not within_noise(difference) and (adjusted_p is None or adjusted_p <= 1.0 - CONFIDENCE + 1e-12)


def requests_needed(difference: Interval, loss: float, power: float = 0.8) -> int:
    """Return how many requests would show a true loss with that power, at the spread between requests seen here.

    Where no spread was seen, what the interval still allows stands for it. One comparison is meant; several that are
    adjusted for need more.
    """
    level = float(stats.norm.ppf((1.0 + CONFIDENCE) / 2.0))
    error = difference.standard_error or (difference.high - difference.low) / (2.0 * level)
    detected = level + float(stats.norm.ppf(power))
    return math.ceil((detected * error / loss) ** 2 * difference.clusters)
