"""The fidelity ladder: many configurations enter at the cheapest rung, few are tried at the dearest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from scipy import stats

from sparse_hub_core.fidelity import Fidelity
from sparse_hub_core.results.schema import Correlation

FidelityChoice: TypeAlias = Literal["ladder", "F0", "F1", "F2", "F3"]

REDUCTION_FACTOR = 3
FINALISTS = 4
SPREAD_SHARE = 0.25
"""This share of what is promoted is spread over the others, as the best alone say little of how two rungs agree."""
POOR_CORRELATION = 0.5
MIN_CORRELATED = 4
SEEDS: Mapping[Fidelity, int] = {"F0": 1, "F1": 1, "F2": 2, "F3": 3}
"""Where a configuration draws keys by a seed, it is measured with so many."""
REQUEST_SHARES: Mapping[Fidelity, float] = {"F0": 0.3, "F1": 0.5, "F2": 0.5}
"""A rung with others above it sees the first requests only, as what it says is looked at again on all of them."""
MIN_REQUESTS = 3
WORK: Mapping[Fidelity, float] = {"F0": 0.02, "F1": 0.06, "F2": 0.25, "F3": 1.0}
"""What a request takes beside one that generates, so that a run says how far it is: about what docs/scaling.md counts
for an 8B model at 32K, and what the demo model takes."""

T = TypeVar("T")


@dataclass(frozen=True)
class Rung:
    """One fidelity of a search."""

    fidelity: Fidelity
    num_seeds: int
    request_share: float = 1.0

    @property
    def runs_model(self) -> bool:
        """Whether the model runs; a replay costs less than deciding whether to stop it."""
        return self.fidelity in ("F2", "F3")

    def num_requests(self, of: int) -> int:
        """Return how many of a search's requests a configuration sees here."""
        return min(of, max(MIN_REQUESTS, math.ceil(self.request_share * of)))

    def work(self, num_requests: int) -> float:
        """Return what so many requests take here, in requests that generate."""
        return num_requests * WORK[self.fidelity]


def rungs(chosen: FidelityChoice, masks_prefix: bool) -> tuple[Rung, ...]:
    """Return the rungs of a search, the cheapest first.

    Args:
        chosen: The whole ladder, or one fidelity.
        masks_prefix: Whether the stack reads the prefix sparsely, so that the recorded dense one says nothing of it.
    """
    every: tuple[Fidelity, ...] = ("F2", "F3") if masks_prefix else ("F0", "F1", "F2", "F3")
    if chosen != "ladder":
        return (Rung(chosen, SEEDS[chosen]),)
    return tuple(Rung(fidelity, SEEDS[fidelity], REQUEST_SHARES.get(fidelity, 1.0)) for fidelity in every)


def num_promoted(num_finished: int, to: Fidelity, num_targets: int = 1) -> int:
    """Return how many of the configurations that finished a rung go on to another one."""
    finalists = FINALISTS * num_targets
    return min(num_finished, finalists if to == "F3" else max(finalists, math.ceil(num_finished / REDUCTION_FACTOR)))


def expected_counts(num_samples: int, rungs: Sequence[Rung], num_targets: int = 1) -> dict[Fidelity, int]:
    """Return how many configurations run at each rung where all end well and no rung says little of the next one."""
    counts = {rungs[0].fidelity: num_samples}
    for rung in rungs[1:]:
        num_samples = num_promoted(num_samples, rung.fidelity, num_targets)
        counts[rung.fidelity] = num_samples
    return counts


def expected_work(num_samples: int, rungs: Sequence[Rung], num_targets: int, num_requests: int) -> float:
    """Return what a search takes under the same conditions, in requests that generate."""
    counts = expected_counts(num_samples, rungs, num_targets)
    return sum(rung.work(counts[rung.fidelity] * rung.num_requests(num_requests)) for rung in rungs)


def promoted(ranked: Sequence[T], count: int) -> list[T]:
    """Return so many of the configurations, which come ranked: the best, and a few evenly spread over the others."""
    num_spread = min(int(SPREAD_SHARE * count), len(ranked) - count)
    best, others = ranked[: count - num_spread], ranked[count - num_spread :]
    chosen = [others[int((index + 0.5) * len(others) / num_spread)] for index in range(num_spread)]
    return [*best, *chosen]


def correlate(lower: Fidelity, upper: Fidelity, below: Sequence[float], above: Sequence[float]) -> Correlation | None:
    """Return how two rungs rank the same configurations, or None where they are too few to say.

    The interval is Bonett and Wright's for Spearman's, https://doi.org/10.1007/BF02294183.
    """
    n = len(below)
    if n < MIN_CORRELATED or len(set(below)) == 1 or len(set(above)) == 1:
        return None
    spearman = float(stats.spearmanr(below, above).statistic)
    # Few ranks that agree wholly are no proof of it: half a step below 1 stands for what n ranks cannot tell from 1.
    limit = 1.0 - 6.0 / (n**3 - n)
    centre = math.atanh(max(-limit, min(limit, spearman)))
    reach = stats.norm.ppf(0.975) * math.sqrt((1.0 + spearman**2 / 2.0) / (n - 3))
    return Correlation(
        lower=lower,
        upper=upper,
        spearman=spearman,
        low=-1.0 if spearman < -limit else math.tanh(centre - reach),
        high=1.0 if spearman > limit else math.tanh(centre + reach),
        kendall=float(stats.kendalltau(below, above).statistic),
        n=n,
    )


def is_poor(correlation: Correlation | None) -> bool:
    """Return whether the lower rung says too little of the upper one to be trusted with so short a list."""
    return correlation is not None and correlation.spearman < POOR_CORRELATION
