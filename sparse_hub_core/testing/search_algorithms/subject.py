"""The search algorithm under test, and ways to drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Provenance, Registry
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.algorithm_options import create_algorithm
from sparse_hub_core.testing.check import Check, require
from sparse_hub_core.testing.search_algorithms.other_process import ask_there
from sparse_hub_core.testing.search_algorithms.spaces import MIXED, Space, landscape, outside

NUM_SAMPLES = 20
NUM_WORKERS = 3

Proposal = dict[str, Any]
Objective = Callable[[Mapping[str, Any]], "float | None"]


@dataclass(frozen=True)
class SearchAlgorithmSubject:
    """A search algorithm with its options, as the checks see it.

    Raises:
        UsageError: Nothing of that name is registered, a package is missing, or it cannot be imported.
    """

    name: str
    algorithm_class: type[SearchAlgorithm]
    options: Mapping[str, Any] = field(default_factory=dict)
    provenance: Provenance | None = None
    """The plugin that registers it, None for a class that was handed in."""

    @classmethod
    def of(
        cls,
        algorithm: str | type[SearchAlgorithm],
        options: Mapping[str, Any] | None = None,
        registry: Registry | None = None,
    ) -> SearchAlgorithmSubject:
        """Return the subject behind a registered name, or behind a class."""
        if not isinstance(algorithm, str):
            return cls(algorithm.__name__, algorithm, dict(options or {}))
        registry = registry or load_registry()
        entry = registry.get(registry.search_algorithms, algorithm)
        entry.check_packages()
        return cls(entry.name, entry.load(), dict(options or {}), entry.provenance)

    @property
    def known_failures(self) -> Mapping[str, str]:
        """Checks that it fails, each with the reason."""
        return self.algorithm_class.known_failures

    @property
    def whole(self) -> bool:
        """There are no parts of an algorithm to be tested alone."""
        return True

    @property
    def checks(self) -> tuple[Check[Any], ...]:
        """The checks of search algorithms."""
        # Imported here because every check imports this module.
        from sparse_hub_core.testing.search_algorithms.catalogue import SEARCH_ALGORITHM_CHECKS

        return SEARCH_ALGORITHM_CHECKS

    def surroundings(self) -> AbstractContextManager[None]:
        """Return what a check runs in."""
        return nullcontext()

    def fresh(self, space: Space = MIXED, seed: int = 0) -> SearchAlgorithm:
        """Return an instance that was told nothing yet."""
        return create_algorithm(self.algorithm_class, space, NUM_SAMPLES, NUM_WORKERS, seed, self.options)

    @cached_property
    def elsewhere(self) -> Mapping[str, Any]:
        """What another process, with another hash seed, tells of the algorithm.

        Raises:
            AssertionError: It cannot use it.
        """
        told = ask_there(self.algorithm_class, self.provenance, self.options)
        require("error" not in told, f"another process cannot use it: {told.get('error')}")
        return told


def run(algorithm: SearchAlgorithm, count: int, objective: Objective = landscape) -> list[Proposal]:
    """Return what is proposed where each proposal is told before the next, until there is none."""
    found = []
    for _ in range(count):
        proposal = algorithm.ask()
        if proposal is None:
            break
        found.append(dict(proposal))
        algorithm.tell(proposal, objective(proposal))
    return found


def require_in_space(proposals: Iterable[Mapping[str, Any] | None], space: Space, when: str) -> None:
    """Require that proposals are points of a space; one that is None says that there are no more.

    Raises:
        AssertionError: One is not.
    """
    for proposal in proposals:
        if proposal is None:
            continue
        missing, unknown = space.keys() - proposal.keys(), proposal.keys() - space.keys()
        require(not missing, f"{when}, a proposal lacks {sorted(missing)}")
        require(not unknown, f"{when}, a proposal names {sorted(unknown)}, which the space does not")
        for name, domain in space.items():
            wrong = outside(domain, proposal[name])
            require(wrong is None, f"{when}, the proposed {name} = {proposal[name]!r} {wrong}")
