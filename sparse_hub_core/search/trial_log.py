"""What is known of a cell's configurations: how each ended at each fidelity, and its answers request by request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sparse_hub_core.code_digest import code_digest
from sparse_hub_core.errors import ConfigError
from sparse_hub_core.fidelity import Fidelity, Measures
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.optimizer_factory import Optimizer
from sparse_hub_core.results.files import append_line, append_lines, content_hash
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine

Place: TypeAlias = tuple[str, str]
"""The key of a configuration, and a fidelity."""


@dataclass
class TrialLog:
    """Reads the files of a cell when it is opened, and writes down everything at once when it happens."""

    cell: CellDirectory
    optimizer: Optimizer
    told: Callable[[TrialLine], None] = lambda line: None
    """Is told of every line that is added."""
    digests: dict[type[MaskerConfig], str] = field(default_factory=dict)
    """Of the code of each config class."""
    lines: list[TrialLine] = field(default_factory=list)
    ended: dict[Place, TrialLine] = field(default_factory=dict)
    answers: dict[Place, list[Measures]] = field(default_factory=dict)
    unfinished: dict[Place, dict[str, Any]] = field(default_factory=dict)
    """The parameters of what has answers and did not end: an earlier process was cut off there."""

    def __post_init__(self) -> None:
        for line in self.cell.read_trials():
            self._remember(line)
        for request in self.cell.read_trial_requests():
            self._remember_request(request)

    @property
    def fidelities(self) -> set[str]:
        """Those that anything is known of."""
        return {fidelity for _, fidelity in (*self.ended, *self.answers)}

    def key(self, parameters: Mapping[str, Any]) -> str:
        """Return what identifies a configuration: parameters that make equal maskers, of the same code, are one."""
        try:
            configs = self.optimizer.create_config_from_params(parameters)
        except (ConfigError, ValueError):
            return content_hash(parameters)
        for entry in {type(config) for config in configs} - self.digests.keys():
            self.digests[entry] = code_digest(entry)
        return content_hash({"stack": [[self.digests[type(config)], *_named(config)] for config in configs]})

    def add(self, line: TrialLine) -> None:
        """Write down how a trial ended."""
        append_line(self.cell.trials, line)
        self._remember(line)
        self.told(line)

    def add_requests(self, lines: Sequence[TrialRequestLine]) -> None:
        """Write down what requests gave."""
        append_lines(self.cell.trial_requests, lines)
        for line in lines:
            self._remember_request(line)

    def known(self, parameters: Mapping[str, Any], fidelity: Fidelity) -> list[Measures]:
        """Return the answers of a configuration's first requests."""
        return self.answers.get((self.key(parameters), fidelity), [])

    def finished(self, fidelity: Fidelity) -> list[TrialLine]:
        """Return the trials that ended well at a fidelity."""
        return [line for (_, at), line in self.ended.items() if at == fidelity and line.status == "ok"]

    def measured(self, line: TrialLine) -> list[Measures]:
        """Return what a trial measured, request by request."""
        return self.known(line.parameters, line.fidelity)

    def _remember(self, line: TrialLine) -> None:
        place = (self.key(line.parameters), line.fidelity)
        self.lines.append(line)
        self.ended[place] = line
        self.unfinished.pop(place, None)

    def _remember_request(self, line: TrialRequestLine) -> None:
        place = (self.key(line.parameters), line.fidelity)
        answers = self.answers.setdefault(place, [])
        if line.request_index == len(answers):
            answers.append(Measures.from_answer(line.answer))
        if place not in self.ended:
            self.unfinished.setdefault(place, line.parameters)


def _named(config: MaskerConfig) -> tuple[str, Mapping[str, Any]]:
    return type(config).__qualname__, config.identity()
