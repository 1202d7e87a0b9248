"""Hyperopt's TPE: densities of what did well and of what did not, one parameter at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt

from sparse_hub_core import space as spaces
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.encoding import Encoding, parameters_key
from sparse_hub_core.space import Choice, Integer

MOST_SEEDS = 2**31 - 1


class HyperoptSearch(SearchAlgorithm):
    """Hyperopt's tree-structured Parzen estimator (Bergstra et al. 2011); https://hyperopt.github.io/hyperopt.

    The first ``n_startup_jobs`` are random; the share ``gamma`` decides how many count as those that did well, and
    each proposal is the best of ``n_ei_candidates``.
    """

    learns = True

    def __init__(
        self,
        space: Mapping[str, spaces.Domain],
        num_samples: int,
        num_workers: int,
        seed: int,
        *,
        n_startup_jobs: Annotated[int, Ge(1)] = 20,
        n_ei_candidates: Annotated[int, Ge(1)] = 24,
        gamma: Annotated[float, Gt(0), Lt(1)] = 0.25,
    ) -> None:
        # Imported here because it takes a second, and describing its options has no use for it.
        import numpy as np
        from hyperopt import Domain, Trials

        super().__init__(space, num_samples, num_workers, seed)
        self._encoding = Encoding(space)
        self._settings = {"n_startup_jobs": n_startup_jobs, "n_EI_candidates": n_ei_candidates, "gamma": gamma}
        searched = {name: _expression(name, domain) for name, domain in self._encoding.searched.items()}
        self._domain: Any = Domain(len, searched) if searched else None
        self._trials = Trials()
        self._rng = np.random.default_rng(seed)
        self._asked: dict[str, list[dict[str, Any]]] = {}

    def ask(self) -> dict[str, Any]:
        """Return hyperopt's next proposal; until it is told, it counts as one that did badly."""
        if not self._encoding.searched:
            return self._encoding.decode({})
        from hyperopt import tpe

        seed = int(self._rng.integers(MOST_SEEDS))
        ids = self._trials.new_trial_ids(1)
        (document,) = tpe.suggest(ids, self._domain, self._trials, seed, verbose=False, **self._settings)
        document = self._kept(document)
        parameters = self._encoding.decode({name: found[0] for name, found in document["misc"]["vals"].items()})
        self._asked.setdefault(parameters_key(parameters), []).append(document)
        return parameters

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        """Teach it a result or a failure, also of a trial that it never asked for."""
        codes = self._encoding.encode(parameters)
        if not codes:
            return
        from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK

        asked = self._asked.get(parameters_key(parameters))
        document = asked.pop(0) if asked else self._given(codes)
        document["state"] = JOB_STATE_DONE
        failed = {"status": STATUS_FAIL}
        document["result"] = failed if objective is None else {"status": STATUS_OK, "loss": float(objective)}

    def _given(self, codes: Mapping[str, Any]) -> dict[str, Any]:
        """Return a trial of parameters from elsewhere."""
        (number,) = self._trials.new_trial_ids(1)
        misc = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "idxs": {name: [number] for name in codes},
            "vals": {name: [code] for name, code in codes.items()},
        }
        (document,) = self._trials.new_trial_docs([number], [None], [self._domain.new_result()], [misc])
        return self._kept(document)

    def _kept(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Add a trial and return hyperopt's own copy of it, which later says how it ended."""
        self._trials.insert_trial_docs([document])
        self._trials.refresh()
        kept: dict[str, Any] = self._trials.trials[-1]
        return kept


def _expression(name: str, domain: spaces.Domain) -> Any:
    from hyperopt import hp

    if isinstance(domain, Choice):
        return hp.randint(name, len(domain.options))
    low, high = domain.low, domain.high
    if not isinstance(domain, Integer):
        return hp.loguniform(name, math.log(low), math.log(high)) if domain.log else hp.uniform(name, low, high)
    # The first and the last number get as much room as the others.
    low, high = low - 0.5, high + 0.5
    return hp.qloguniform(name, math.log(low), math.log(high), 1) if domain.log else hp.quniform(name, low, high, 1)
