"""Which trials are stopped before they have seen all requests: Ray Tune's schedulers, asked request by request.

Ray Tune's own loop is left out: it starts a process for nearly every trial, which takes far longer than a replay.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
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

    def remember(self, key: str, objectives: Sequence[float], was_stopped: bool) -> None:
        """Take note of a trial that ended before, by its objective after each request."""


class NeverStops:
    """Lets every trial see all requests."""

    def stops(self, key: str, num_finished: int, objective: float) -> bool:
        """Return that the trial goes on."""
        return False

    def remember(self, key: str, objectives: Sequence[float], was_stopped: bool) -> None:
        """Nothing is decided by it."""


@dataclass(frozen=True)
class _Trial:
    """What the schedulers know a trial by."""

    trial_id: str


@dataclass
class TuneStopper:
    """Asks one of Ray Tune's schedulers, as long as there are more trials than are needed afterwards."""

    scheduler: TrialScheduler
    num_requests: int
    max_stops: float
    known: dict[str, _Trial] = field(default_factory=dict)
    num_told: Counter[str] = field(default_factory=Counter)
    """A trial that lost its worker begins again with what it had; a scheduler would count that twice."""

    def stops(self, key: str, num_finished: int, objective: float) -> bool:
        """Return what the scheduler decides."""
        if not self._says_stop(key, num_finished, objective):
            return False
        if num_finished == self.num_requests or self.max_stops < 1:
            return False
        self.max_stops -= 1
        return True

    def remember(self, key: str, objectives: Sequence[float], was_stopped: bool) -> None:
        """Tell the scheduler, which has no say in how the trial ended."""
        for num_finished, objective in enumerate(objectives, start=1):
            self._says_stop(key, num_finished, objective)
        self.max_stops -= was_stopped

    def _says_stop(self, key: str, num_finished: int, objective: float) -> bool:
        if num_finished <= self.num_told[key]:
            return False
        self.num_told[key] = num_finished
        if key not in self.known:
            self.known[key] = _Trial(key)
            with _drawing_by(key):
                self.scheduler.on_trial_add(None, self.known[key])
        result = {TIME: num_finished, METRIC: objective}
        return self.scheduler.on_trial_result(None, self.known[key], result) in (
            TrialScheduler.STOP,
            TrialScheduler.PAUSE,
        )


@contextmanager
def _drawing_by(key: str) -> Iterator[None]:
    """Have HyperBand draw a trial's bracket from the trial, as it would otherwise draw from global random numbers."""
    others = np.random.get_state()
    np.random.seed(zlib.crc32(key.encode()))
    try:
        yield
    finally:
        np.random.set_state(others)


def create_stopper(name: SchedulerName, num_requests: int, max_stops: float = math.inf) -> Stopper:
    """Return what stops trials, all of which see the requests in the same order.

    Args:
        name: The scheduler.
        num_requests: What a trial sees that is not stopped.
        max_stops: How many trials may be stopped at most.
    """
    if name == "none" or num_requests <= GRACE_REQUESTS or max_stops < 1:
        return NeverStops()
    if name == "median":
        # Without an end to the time slice it would ask Ray Tune's loop which trials could run instead.
        # Without a hard stop it can be told more of a trial that went on against its word.
        settings = {"min_time_slice": math.inf, "hard_stop": False}
        rule = MedianStoppingRule(TIME, METRIC, "min", GRACE_REQUESTS, GRACE_REQUESTS, **settings)
        return TuneStopper(rule, num_requests, max_stops)
    scheduler, brackets = (AsyncHyperBandScheduler, HYPERBAND_BRACKETS) if name == "hyperband" else (ASHAScheduler, 1)
    halving = scheduler(TIME, METRIC, "min", num_requests, GRACE_REQUESTS, REDUCTION_FACTOR, brackets)
    return TuneStopper(halving, num_requests, max_stops)
