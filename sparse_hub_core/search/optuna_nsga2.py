"""Optuna's NSGA-II: a genetic algorithm, here with one objective."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from sparse_hub_core.search.optuna_study import OptunaSearch, quiet
from sparse_hub_core.space import Domain

if TYPE_CHECKING:
    from optuna.trial import Trial

GENERATIONS = 10
"""A search has this many generations where it can: more of fewer parents lose variety, fewer select too little."""
SMALLEST, LARGEST = 6, 50


class OptunaNSGA2(OptunaSearch):
    """Optuna's NSGA-II (Deb et al. 2002) with one objective: parents are crossed, and the better half goes on.

    By default ``population_size`` is a tenth of the samples, between 6 and 50.
    """

    def __init__(
        self,
        space: Mapping[str, Domain],
        num_samples: int,
        num_workers: int,
        seed: int,
        *,
        population_size: Annotated[int, Ge(2)] | None = None,
        mutation_prob: Annotated[float, Ge(0), Le(1)] | None = None,
        crossover_prob: Annotated[float, Ge(0), Le(1)] = 0.9,
        swapping_prob: Annotated[float, Ge(0), Le(1)] = 0.5,
    ) -> None:
        from optuna.samplers import NSGAIISampler

        super().__init__(space, num_samples, num_workers, seed)
        size = population_size or min(LARGEST, max(SMALLEST, num_samples // GENERATIONS))
        with quiet():
            self._sampler = NSGAIISampler(
                population_size=size,
                mutation_prob=mutation_prob,
                crossover_prob=crossover_prob,
                swapping_prob=swapping_prob,
                seed=seed,
            )
            self._begin(self._sampler)

    def _given(self, codes: dict[str, Any]) -> Trial:
        trial = super()._given(codes)
        # Parents are chosen among generations, and only what is sampled joins one by itself.
        self._sampler.get_trial_generation(self._study, self._study.get_trials(deepcopy=False)[trial.number])
        return trial

    def _fail(self, trial: Trial) -> None:
        # Only what has a value is in the population.
        self._study.tell(trial, math.inf)
