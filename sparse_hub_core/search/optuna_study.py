"""What optuna's samplers share here: a study in memory that is asked and told."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.encoding import Encoding, parameters_key
from sparse_hub_core.space import Choice, Domain, Integer

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial


class OptunaSearch(SearchAlgorithm):
    """A sampler of optuna by ask and tell.

    Optuna is imported where it is used, so that the options of a sampler can be described without it.
    """

    learns = True

    def __init__(self, space: Mapping[str, Domain], num_samples: int, num_workers: int, seed: int) -> None:
        super().__init__(space, num_samples, num_workers, seed)
        self._encoding = Encoding(space)
        self._distributions = {name: _distribution(domain) for name, domain in self._encoding.searched.items()}
        self._asked: dict[str, list[Trial]] = {}
        self._failed: list[dict[str, Any]] = []
        self._succeeded = False

    def _begin(self, sampler: BaseSampler) -> None:
        """Start the study; subclasses call it once their sampler is made."""
        import optuna

        self._study = optuna.create_study(sampler=sampler)

    def ask(self) -> dict[str, Any]:
        """Return the sampler's next proposal."""
        with quiet():
            trial = self._study.ask(self._distributions)
        parameters = self._encoding.decode(trial.params)
        self._asked.setdefault(parameters_key(parameters), []).append(trial)
        return parameters

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Teach the sampler a result or a failure, also of a trial that it never asked for."""
        codes = self._encoding.encode(parameters)
        if codes is None:
            return
        from optuna.trial import TrialState

        asked = self._asked.get(parameters_key(parameters))
        with quiet():
            trial = asked.pop(0) if asked else self._given(codes)
            if objective is not None:
                self._study.tell(trial, objective)
                while self._failed:
                    self._fail(self._given(self._failed.pop(0)))
                self._succeeded = True
            elif self._succeeded:
                self._fail(trial)
            else:
                # Where nothing did well yet, samplers would take the failures for the best there is, and stay there.
                self._study.tell(trial, state=TrialState.FAIL)
                self._failed.append(codes)

    def _fail(self, trial: Trial) -> None:
        # Samplers never look at trials in the state FAIL, so nothing would keep them out of where all trials fail.
        from optuna.trial import TrialState

        self._study.tell(trial, state=TrialState.PRUNED)

    def _given(self, codes: dict[str, Any]) -> Trial:
        """Return a trial of parameters from elsewhere, running like those that were asked for."""
        self._study.enqueue_trial(codes)
        return self._study.ask(self._distributions)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep optuna from logging, and from warning of what is experimental, while it works for us."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _distribution(domain: Domain) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(domain, Choice):
        return CategoricalDistribution(range(len(domain.options)))
    if isinstance(domain, Integer):
        return IntDistribution(domain.low, domain.high, log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)
