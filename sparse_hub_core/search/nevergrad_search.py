"""Nevergrad: its own choice of a gradient-free optimizer for the space and the budget."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import nevergrad

from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.space import Choice, Integer

if TYPE_CHECKING:
    from sparse_hub_core.space import Domain


class NevergradSearch(SearchAlgorithm):
    """Nevergrad's NGOpt by ask and tell; https://facebookresearch.github.io/nevergrad."""

    def __init__(self, space: Mapping[str, Domain], num_samples: int, num_workers: int, seed: int) -> None:
        super().__init__(space, num_samples, num_workers, seed)
        parametrization = nevergrad.p.Dict(**{name: _parameter(domain) for name, domain in space.items()})
        parametrization.random_state.seed(seed)
        with _quiet():
            self._optimizer = nevergrad.optimizers.NGOpt(parametrization, budget=num_samples, num_workers=num_workers)
        self._asked: dict[str, Any] = {}

    def ask(self) -> dict[str, Any]:
        """Return nevergrad's next proposal."""
        with _quiet():
            candidate = self._optimizer.ask()
        parameters = {name: _plain(self.space[name], value) for name, value in candidate.value.items()}
        self._asked[repr(sorted(parameters.items()))] = candidate
        return parameters

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Teach the optimizer a result, also of a trial that an earlier process ran; failures teach nothing."""
        candidate = self._asked.pop(repr(sorted(parameters.items())), None)
        if objective is None:
            return
        with _quiet():
            if candidate is None:
                candidate = self._optimizer.parametrization.spawn_child(new_value=dict(parameters))
            self._optimizer.tell(candidate, objective)


def _parameter(domain: Domain) -> Any:
    if isinstance(domain, Choice):
        return nevergrad.p.Choice(list(domain.options))
    if domain.low == domain.high:
        return nevergrad.p.Choice([domain.low])
    kind = nevergrad.p.Log if domain.log else nevergrad.p.Scalar
    scalar = kind(lower=domain.low, upper=domain.high)
    return scalar.set_integer_casting() if isinstance(domain, Integer) else scalar


def _plain(domain: Domain, value: Any) -> Any:
    """Return a value that JSON and a masker config take: no numpy types, and inside the domain's ends."""
    if isinstance(domain, Choice):
        return value
    kind = int if isinstance(domain, Integer) else float
    return kind(min(domain.high, max(domain.low, value)))


@contextmanager
def _quiet() -> Iterator[None]:
    # Nevergrad warns about its own choices (parallelism, inefficient settings), which its users here cannot change.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
