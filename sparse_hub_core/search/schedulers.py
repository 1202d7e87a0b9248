"""Which trials are stopped before they have seen all requests: Ray Tune's schedulers, asked request by request.

Ray Tune's own loop is left out: it starts a process for nearly every trial, which takes far longer than a replay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from ray.tune.schedulers import ASHAScheduler, AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

SchedulerName: TypeAlias = Literal["asha", "hyperband", "median", "none"]

GRACE_REQUESTS = 2
REDUCTION_FACTOR = 3
HYPERBAND_BRACKETS = 3
TIME, METRIC = "requests_finished", "objective"


class Stopper(Protocol):
    """Is told of every finished request of every trial."""

    def stops(self, key: str, num_finished: int, objective: float) -> bool:
        """Return whether a trial with such an objective after so many requests is to be stopped."""


class NeverStops:
    """Lets every trial see all requests."""

    def stops(self, key: str, num_finished: int, objective: float) -> bool:
        """Return that the trial goes on."""
        return False


@dataclass(frozen=True)
class _Trial:
    """What the schedulers know a trial by."""

    trial_id: str


@dataclass
class TuneStopper:
    """Asks one of Ray Tune's schedulers."""

    scheduler: TrialScheduler
    known: dict[str, _Trial] = field(default_factory=dict)

    def stops(self, key: str, num_finished: int, objective: float) -> bool:
        """Return what the scheduler decides."""
        if key not in self.known:
            self.known[key] = _Trial(key)
            self.scheduler.on_trial_add(None, self.known[key])
        result = {TIME: num_finished, METRIC: objective}
        return bool(self.scheduler.on_trial_result(None, self.known[key], result) == TrialScheduler.STOP)


def create_stopper(name: SchedulerName, num_requests: int, on_ladder: bool) -> Stopper:
    """Return what stops trials, all of which see the requests in the same order.

    The ladder has already left few trials to the rungs that run the model, so there only the worse half is stopped, and
    only at half of the requests.
    """
    grace = max(GRACE_REQUESTS, math.ceil(num_requests / 2)) if on_ladder else GRACE_REQUESTS
    factor = 2 if on_ladder else REDUCTION_FACTOR
    if name == "none" or num_requests <= grace:
        return NeverStops()
    if name == "median":
        # Without an end to the time slice it would ask Ray Tune's loop which trials could run instead.
        return TuneStopper(MedianStoppingRule(TIME, METRIC, "min", grace, GRACE_REQUESTS, min_time_slice=math.inf))
    scheduler, brackets = (AsyncHyperBandScheduler, HYPERBAND_BRACKETS) if name == "hyperband" else (ASHAScheduler, 1)
    return TuneStopper(scheduler(TIME, METRIC, "min", num_requests, grace, factor, brackets))
