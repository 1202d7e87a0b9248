"""What a search algorithm is: it is asked for parameters and told what came of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from sparse_hub_core.space import Choice, Domain


class SearchAlgorithm(ABC):
    """Proposes parameters for a search space, by ask and tell.

    A search is resumed by telling a new instance its finished trials, so ``tell`` must accept parameters that this
    instance was never asked for. Distinctness and feasibility are the caller's business: a repeated proposal is told
    again and the next one asked for.

    Keyword arguments that a subclass's constructor adds are its options, ``--search-option NAME=VALUE``. They are typed
    ``str``, ``int``, ``float`` or ``bool`` (``Literal``, ``Annotated`` and None go too), and have defaults.
    """

    known_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of the conformance kit that it fails, each with the reason."""
    learns: ClassVar[bool] = False
    """Whether what it is told changes what it proposes; the conformance kit then holds it to that."""

    def __init__(self, space: Mapping[str, Domain], num_samples: int, num_workers: int, seed: int) -> None:
        """Prepare for a search of ``num_samples`` trials, ``num_workers`` of them at a time."""
        self.space = dict(space)
        self.num_samples = num_samples
        self.num_workers = num_workers
        self.seed = seed

    @abstractmethod
    def ask(self) -> dict[str, Any] | None:
        """Return parameters to try, or None when there is nothing left to propose."""

    @abstractmethod
    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Take note of a finished trial; the objective is minimised, None means that it failed."""

    def as_in_space(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of parameters, options as the space has them where a file has lists for tuples."""
        return {name: _as_in_domain(domain, parameters[name]) for name, domain in self.space.items()}


def _as_in_domain(domain: Domain, value: Any) -> Any:
    if not isinstance(domain, Choice):
        return value
    place = domain.place(value)
    return value if place is None else domain.options[place]
