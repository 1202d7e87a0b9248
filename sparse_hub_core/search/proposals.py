"""What is tried at a rung: new proposals of search algorithms at the first one, survivors at the others."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sparse_hub_core.errors import ConfigError
from sparse_hub_core.fidelity import Fidelity, Measures
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.results.schema import TrialLine
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog
from sparse_hub_core.space import Domain, every_point

MAX_REPEATS = 200
"""Repeated or infeasible proposals in a row after which the space counts as exhausted."""

MAX_POINTS = 2000
"""Of a search space with at most so many configurations it is found out which can be tried."""


class Queue(Protocol):
    """Configurations to try, one after another."""

    @property
    def num_left(self) -> int:
        """How many are still to be tried, at most."""

    def next(self) -> dict[str, Any] | None:
        """Return the parameters of the next one, or None when there is none."""

    def give_back(self, parameters: dict[str, Any]) -> None:
        """Take back what was not tried to its end; it comes first next time."""

    def tell(self, parameters: Mapping[str, Any], measures: Measures | None) -> None:
        """Take note of how one ended; None means that it failed."""


@dataclass
class Survivors:
    """The configurations that an earlier rung sends on."""

    waiting: list[dict[str, Any]]

    @property
    def num_left(self) -> int:
        """How many wait."""
        return len(self.waiting)

    def next(self) -> dict[str, Any] | None:
        """Return the next one."""
        return self.waiting.pop(0) if self.waiting else None

    def give_back(self, parameters: dict[str, Any]) -> None:
        """Put one back in front."""
        self.waiting.insert(0, parameters)

    def tell(self, parameters: Mapping[str, Any], measures: Measures | None) -> None:
        """Nothing is learnt here: algorithms are told what their proposals gave at the first rung."""


@dataclass
class Proposals:
    """Asks search algorithms in turn for configurations until one is new and feasible.

    Each target has an algorithm of its own; what one proposed is told to all of them. Infeasible configurations are
    recorded with their reason and never reach an actor; they do not count as samples.
    """

    algorithms: Sequence[tuple[Target, SearchAlgorithm]]
    log: TrialLog
    fidelity: Fidelity
    num_samples: int
    num_keys: int
    first: list[dict[str, Any]] = field(default_factory=list)
    """Tried before anything is asked for: the winners of earlier runs."""
    rest: list[dict[str, Any]] = field(default_factory=list)
    """Tried once the algorithms propose nothing new: the whole of a space that is to be used up."""
    task: str = ""
    seen: set[str] = field(default_factory=set)
    entered: int = 0
    ready: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        """Bring the algorithms to where an earlier process was; what was cut off there comes first."""
        ended = {key: line for (key, fidelity), line in self.log.ended.items() if fidelity == self.fidelity}
        cut_off = {key: tried for (key, fidelity), tried in self.log.unfinished.items() if fidelity == self.fidelity}
        self.entered = sum(line.status != "infeasible" for line in ended.values())
        self.seen |= ended.keys() | cut_off.keys()
        self.ready += cut_off.values()
        asked = self._ask_again(ended)
        for key, line in ended.items():
            if key not in asked:
                self.tell(line.parameters, line.measures)

    def _ask_again(self, ended: Mapping[str, TrialLine]) -> set[str]:
        """Repeat the questions and answers of an earlier process, and return the keys of what was asked for.

        An algorithm that draws by its seed then goes on as it would have without the interruption.
        """
        asked: set[str] = set()
        repeats = 0
        while not self.seen <= asked and repeats < MAX_REPEATS:
            parameters = self._ask()
            if parameters is None:
                break
            key = self.log.key(parameters)
            if key not in self.seen:
                # It would have come next, or the algorithm does not repeat itself.
                self.first.insert(0, parameters)
                break
            repeats = repeats + 1 if key in asked else 0
            asked.add(key)
            if key in ended:
                self.tell(parameters, ended[key].measures)
        return asked

    @property
    def num_left(self) -> int:
        """How many more may enter."""
        return self.num_samples - self.entered

    def tell(self, parameters: Mapping[str, Any], measures: Measures | None) -> None:
        """Teach every algorithm how a trial ended, by its own target."""
        for target, algorithm in self.algorithms:
            algorithm.tell(parameters, None if measures is None else target.value(measures))

    def next(self) -> dict[str, Any] | None:
        """Return parameters for a trial, or None when there are enough or none is left."""
        if self.ready:
            self.entered += 1
            return self.ready.pop(0)
        if self.entered >= self.num_samples:
            return None
        # A resumed algorithm may propose all that is known once more.
        for _ in range(MAX_REPEATS + len(self.seen)):
            parameters = self._ask()
            if parameters is None:
                break
            if self._is_worth_a_trial(parameters):
                self.entered += 1
                return parameters
        while self.rest:
            parameters = self.rest.pop(0)
            if self._is_worth_a_trial(parameters):
                self.entered += 1
                return parameters
        return None

    def give_back(self, parameters: dict[str, Any]) -> None:
        """Return a proposal whose trial did not come to its end; it comes first next time."""
        self.entered -= 1
        self.ready.insert(0, parameters)

    def _ask(self) -> dict[str, Any] | None:
        if self.first:
            return self.first.pop(0)
        for _ in self.algorithms:
            _, algorithm = self.algorithms[self.asked % len(self.algorithms)]
            self.asked += 1
            parameters = algorithm.ask()
            if parameters is not None:
                return parameters
        return None

    def _is_worth_a_trial(self, parameters: dict[str, Any]) -> bool:
        key = self.log.key(parameters)
        if key in self.seen:
            ended = self.log.ended.get((key, self.fidelity))
            if ended is not None:
                self.tell(parameters, ended.measures)
            return False
        self.seen.add(key)
        reason = self._infeasible_because(parameters)
        if reason is None:
            return True
        self.tell(parameters, None)
        line = TrialLine(
            task=self.task,
            parameters=parameters,
            status="infeasible",
            reason=reason,
            fidelity=self.fidelity,
            started=time.time(),
        )
        self.log.add(line)
        return False

    def _infeasible_because(self, parameters: Mapping[str, Any]) -> str | None:
        try:
            configs = self.log.optimizer.create_config_from_params(parameters)
        except (ConfigError, ValueError) as error:
            return str(error)
        return infeasible_because(configs, self.num_keys)


def feasible_points(space: Mapping[str, Domain], log: TrialLog, num_keys: int) -> list[dict[str, Any]] | None:
    """Return the configurations of a search space that can be tried, or None where it holds too many to look at."""
    points = every_point(space, MAX_POINTS)
    if points is None:
        return None
    found: dict[str, dict[str, Any]] = {}
    for point in points:
        try:
            configs = log.optimizer.create_config_from_params(point)
        except (ConfigError, ValueError):
            continue
        if infeasible_because(configs, num_keys) is None:
            found.setdefault(log.key(point), point)
    return list(found.values())


def infeasible_because(configs: Iterable[MaskerConfig], num_keys: int) -> str | None:
    """Return why a stack makes no sense for a prefix of so many keys, or None."""
    reasons = (config.infeasible_because(num_keys) for config in configs)
    return next((reason for reason in reasons if reason is not None), None)
