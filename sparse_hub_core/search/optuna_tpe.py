"""Optuna's TPE: densities of what did well and of what did not, over all parameters together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from annotated_types import Ge

from sparse_hub_core.search.optuna_study import OptunaSearch, quiet
from sparse_hub_core.space import Domain


class OptunaTPE(OptunaSearch):
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), multivariate, with a constant liar.

    The first ``n_startup_trials`` are random; then each proposal is the best of ``n_ei_candidates``.
    """

    def __init__(
        self,
        space: Mapping[str, Domain],
        num_samples: int,
        num_workers: int,
        seed: int,
        *,
        n_startup_trials: Annotated[int, Ge(1)] = 10,
        n_ei_candidates: Annotated[int, Ge(1)] = 24,
    ) -> None:
        from optuna.samplers import TPESampler

        super().__init__(space, num_samples, num_workers, seed)
        with quiet():
            # The liar keeps trials that run at the same time apart.
            sampler = TPESampler(
                n_startup_trials=n_startup_trials,
                n_ei_candidates=n_ei_candidates,
                seed=seed,
                multivariate=True,
                constant_liar=True,
            )
            self._begin(sampler)
