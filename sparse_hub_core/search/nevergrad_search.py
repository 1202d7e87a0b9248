"""Nevergrad: any of its optimizers, by default its own choice for the space and the budget."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sparse_hub_core.errors import UsageError, did_you_mean
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.encoding import Encoding, parameters_key
from sparse_hub_core.space import Choice, Domain, Integer

DEFAULT_OPTIMIZER, SUCCESSOR = "NGOpt", "OnePlusOne"


class NevergradSearch(SearchAlgorithm):
    """An optimizer of nevergrad by its name in ``nevergrad.optimizers.registry``; NGOpt chooses one by itself.

    https://facebookresearch.github.io/nevergrad
    """

    learns = True

    def __init__(
        self,
        space: Mapping[str, Domain],
        num_samples: int,
        num_workers: int,
        seed: int,
        *,
        optimizer: str = DEFAULT_OPTIMIZER,
    ) -> None:
        super().__init__(space, num_samples, num_workers, seed)
        self._encoding = Encoding(space)
        self._asked: dict[str, list[Any]] = {}
        self._worst: float | None = None
        self._random_states: Any = None
        self._optimizer = self._create(optimizer)

    def _create(self, name: str) -> Any:
        """Return the optimizer, or None where there is nothing to search.

        Raises:
            UsageError: Nevergrad has none of that name, or it fails on this space.
        """
        # Imported here because it takes a second, and describing its options has no use for it.
        import nevergrad

        known = nevergrad.optimizers.registry
        if name not in known:
            raise UsageError(f"nevergrad has no optimizer {name!r}: {did_you_mean(name, known)}")
        searched = self._encoding.searched
        if not searched:
            return None
        one_at_a_time = getattr(known[name], "no_parallelization", False)
        if one_at_a_time and self.num_workers > 1:
            raise UsageError(f"nevergrad's optimizer {name!r} proposes one at a time: add --max-concurrent 1.")
        with self._alone():
            parametrization = nevergrad.p.Dict(**{key: _parameter(domain) for key, domain in searched.items()})
            parametrization.random_state.seed(self.seed)
            try:
                return known[name](parametrization, budget=self.num_samples, num_workers=self.num_workers)
            except Exception as error:
                # Its optimizers raise many kinds where a package, a continuous space or a budget is missing.
                raise UsageError(
                    f"nevergrad's optimizer {name!r} cannot search here ({type(error).__name__}: {error}); "
                    "take another one, such as 'NGOpt'."
                ) from error

    def ask(self) -> dict[str, Any]:
        """Return nevergrad's next proposal."""
        if self._optimizer is None:
            return self._encoding.decode({})
        with self._alone():
            candidate = self._next()
        parameters = self._encoding.decode(candidate.value)
        self._asked.setdefault(parameters_key(parameters), []).append(candidate)
        return parameters

    def _next(self) -> Any:
        """Return the optimizer's next candidate.

        Raises:
            UsageError: It fails.
        """
        try:
            return self._optimizer.ask()
        except TypeError:
            # The metamodel of NGOpt fails with numpy 2.4 and later, and would at every later call; a draw gets it on.
            self._optimizer.suggest(self._optimizer.parametrization.sample().value)
            return self._optimizer.ask()
        except Exception as error:
            if self._optimizer.name == DEFAULT_OPTIMIZER:
                # What NGOpt chooses may give up in the middle (COBYLA of some versions of scipy does).
                self._optimizer = self._create(SUCCESSOR)
                return self._optimizer.ask()
            # Some of its optimizers find out this late that a package is missing, or that a point came twice.
            raise UsageError(
                f"nevergrad's optimizer {self._optimizer.name!r} fails ({type(error).__name__}: {error}); "
                "take another one, such as 'NGOpt'."
            ) from error

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Teach the optimizer a result, also of a trial that it never asked for; a failure is as bad as the worst."""
        codes = self._encoding.encode(parameters)
        asked = self._asked.get(parameters_key(parameters))
        candidate = asked.pop(0) if asked else None
        self._worst = max((value for value in (self._worst, objective) if value is not None), default=None)
        # Its optimizers know no failures, and before the first success there is nothing to compare with.
        value = self._worst if objective is None else objective
        if value is None or self._optimizer is None or codes is None:
            return
        with self._alone():
            if candidate is None:
                candidate = self._replaced(self._next(), codes)
            self._optimizer.tell(candidate, value)

    def _replaced(self, candidate: Any, codes: Mapping[str, Any]) -> Any:
        """Return a proposal with other values in its place.

        The portfolios that NGOpt takes for most spaces learn nothing from what they did not ask for.
        """
        other = candidate.spawn_child(new_value=dict(codes))
        other.uid = candidate.uid
        other._meta.update(candidate._meta)
        return other

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Give nevergrad global random states of its own, which it draws from, and keep its warnings from the user."""
        import numpy as np

        others = random.getstate(), np.random.get_state()
        if self._random_states is None:
            random.seed(self.seed)
            np.random.seed(self.seed)
        else:
            random.setstate(self._random_states[0])
            np.random.set_state(self._random_states[1])
        try:
            with warnings.catch_warnings():
                # They are of its own choices (parallelism, inefficient settings), which its users here cannot change.
                warnings.simplefilter("ignore")
                yield
        finally:
            self._random_states = random.getstate(), np.random.get_state()
            random.setstate(others[0])
            np.random.set_state(others[1])


def _parameter(domain: Domain) -> Any:
    import nevergrad

    if isinstance(domain, Choice):
        return nevergrad.p.Choice(range(len(domain.options)))
    kind = nevergrad.p.Log if domain.log else nevergrad.p.Scalar
    scalar = kind(lower=domain.low, upper=domain.high)
    return scalar.set_integer_casting() if isinstance(domain, Integer) else scalar
