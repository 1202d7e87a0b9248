"""Proposals that are worth a trial: distinct, feasible, and going on where an earlier process stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparse_hub_core.errors import ConfigError
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.optimizer_factory import Optimizer
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine
from sparse_hub_core.search.algorithm import SearchAlgorithm

MAX_REPEATS = 200
"""Repeated or infeasible proposals in a row after which the space counts as exhausted."""


@dataclass
class Proposals:
    """Asks a search algorithm for configurations until one is new and feasible.

    Infeasible configurations are recorded with their reason and never reach an actor; they do not count as samples.
    """

    algorithm: SearchAlgorithm
    optimizer: Optimizer
    num_samples: int
    num_keys: int
    record: Callable[[TrialLine], None]
    seen: set[str] = field(default_factory=set)
    infeasible: dict[str, str] = field(default_factory=dict)
    entered: int = 0
    ready: list[dict[str, Any]] = field(default_factory=list)
    objectives: dict[str, float] = field(default_factory=dict)
    answers: dict[str, list[dict[str, float | None]]] = field(default_factory=dict)

    def resume(self, lines: Iterable[TrialLine], requests: Iterable[TrialRequestLine]) -> None:
        """Tell the algorithm what finished earlier; those trials are not run again, and those cut off come first."""
        for line in lines:
            self.seen.add(content_hash(line.parameters))
            if line.status == "infeasible":
                self.infeasible[content_hash(line.parameters)] = line.reason or ""
            else:
                self.entered += 1
            self.tell(line.parameters, line.objective)
        for request in requests:
            key = content_hash(request.parameters)
            if key not in self.seen:
                self.seen.add(key)
                self.ready.append(request.parameters)
            answers = self.answers.setdefault(key, [])
            if request.request_index == len(answers):
                answers.append(request.answer)

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Teach the algorithm how a trial ended, and remember it for when it is proposed again."""
        if objective is not None:
            self.objectives[content_hash(parameters)] = objective
        self.algorithm.tell(parameters, objective)

    def answered(self, parameters: Mapping[str, Any]) -> list[dict[str, float | None]]:
        """Return what an earlier process measured of a trial, request by request."""
        return self.answers.get(content_hash(parameters), [])

    def next(self) -> dict[str, Any] | None:
        """Return parameters for a trial, or None when there are enough or none is left."""
        if self.ready:
            self.entered += 1
            return self.ready.pop()
        if self.entered >= self.num_samples:
            return None
        # A resumed algorithm may propose all that is known once more.
        for _ in range(MAX_REPEATS + len(self.seen)):
            parameters = self.algorithm.ask()
            if parameters is None:
                return None
            key = content_hash(parameters)
            if key in self.seen:
                self.algorithm.tell(parameters, self.objectives.get(key))
                continue
            self.seen.add(key)
            reason = self._infeasible_because(parameters)
            if reason is None:
                self.entered += 1
                return parameters
            self.infeasible[key] = reason
            self.algorithm.tell(parameters, None)
            self.record(TrialLine(parameters=parameters, status="infeasible", reason=reason))
        return None

    def give_back(self, parameters: dict[str, Any]) -> None:
        """Return a proposal that no trial was started for; it comes first next time."""
        self.entered -= 1
        self.ready.append(parameters)

    def _infeasible_because(self, parameters: Mapping[str, Any]) -> str | None:
        try:
            configs = self.optimizer.create_config_from_params(parameters)
        except (ConfigError, ValueError) as error:
            return str(error)
        return infeasible_because(configs, self.num_keys)


def infeasible_because(configs: Iterable[MaskerConfig], num_keys: int) -> str | None:
    """Return why a stack makes no sense for a prefix of so many keys, or None."""
    reasons = (config.infeasible_because(num_keys) for config in configs)
    return next((reason for reason in reasons if reason is not None), None)
