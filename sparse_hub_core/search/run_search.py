"""One cell's search: proposals through Ray Tune on the workers, and the best of what came out."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ray
from ray import tune
from ray.tune import TuneError
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.optimizer_factory import Optimizer
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.grid_search import GridSearch
from sparse_hub_core.search.proposals import Proposals
from sparse_hub_core.search.trial import SearchTrial, TrialJob
from sparse_hub_core.search.tune_searcher import TuneSearcher
from sparse_hub_core.spec import Spec
from sparse_hub_core.workers.pool import WorkerPool, last_line
from sparse_hub_core.workers.worker import Stage

GRACE_REQUESTS = 2
REDUCTION_FACTOR = 3
TRIAL_MEMORY_BYTES = 1 << 20
"""What a trial asks of Ray beside its worker, as it has to ask for something."""


class SearchFailedError(SparseHubError):
    """No trial of a search ended well."""


@dataclass(frozen=True)
class SearchTask:
    """What one search is about."""

    task: str
    optimizer: Optimizer
    algorithm: type[SearchAlgorithm]
    objective: Callable[[float, float], float]
    stage: Stage

    @property
    def num_keys(self) -> int:
        """The shortest prefix, which decides what is feasible."""
        return min(len(prompt.prefix) for prepared in self.stage.requests for prompt in prepared.prompts)


def run_search(
    search: SearchTask,
    spec: Spec,
    pool: WorkerPool,
    cell: CellDirectory,
    progress: Progress,
) -> TrialLine:
    """Run the trials that a cell still misses and return the best one of all.

    Raises:
        SearchFailedError: No trial ended well; the sentence counts how they ended.
    """
    finished = cell.read_trials()
    lines = list(finished)
    space = search.optimizer.create_search_space(search.task)
    # A stack without anything to search is one configuration, which a grid of nothing proposes.
    num_samples = spec.num_samples if space else 1

    def keep(line: TrialLine) -> None:
        line = line.model_copy(update={"task": search.task})
        append_line(cell.trials, line)
        lines.append(line)
        progress.trial(line, len([kept for kept in lines if kept.status != "infeasible"]), num_samples)

    algorithm = (search.algorithm if space else GridSearch)(space, num_samples, pool.size, spec.seed)
    proposals = Proposals(algorithm, search.optimizer, num_samples, search.num_keys, keep)
    proposals.resume(finished, cell.read_trial_requests())
    first = proposals.next()
    if first is not None:
        proposals.give_back(first)
        _tune(search, spec, pool, proposals, cell, keep, progress)
    return best_trial(lines)


def _tune(
    search: SearchTask,
    spec: Spec,
    pool: WorkerPool,
    proposals: Proposals,
    cell: CellDirectory,
    record: Callable[[TrialLine], None],
    progress: Progress,
) -> None:
    num_requests = len(search.stage.requests)
    job = TrialJob(
        ray.put(search.stage), ray.put(search.optimizer), search.objective, num_requests, spec.search.timeout
    )
    searcher = TuneSearcher(proposals, pool, num_requests, cell, record, progress)
    remaining = proposals.num_samples - proposals.entered
    # The workers hold the cores and GPUs; a trial only waits for its worker, so it asks for none of them.
    trainable = tune.with_resources(tune.with_parameters(SearchTrial, job=job), {"memory": TRIAL_MEMORY_BYTES})
    with tempfile.TemporaryDirectory(prefix="sparse-hub-tune-") as scratch:
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                metric="objective",
                mode="min",
                search_alg=searcher,
                scheduler=_scheduler(spec.scheduler, num_requests),
                num_samples=remaining,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(storage_path=scratch, name="search", verbose=0),
        )
        try:
            tuner.fit()
        except (TuneError, ray.exceptions.RayError) as error:
            if searcher.failure is None:
                raise SearchFailedError(f"Ray Tune stopped the search: {last_line(error)}") from error
    if searcher.failure is not None:
        raise searcher.failure


def _scheduler(name: str, num_requests: int) -> TrialScheduler:
    if name == "none" or num_requests <= GRACE_REQUESTS:
        return FIFOScheduler()
    return ASHAScheduler(
        time_attr="requests_finished",
        max_t=num_requests,
        grace_period=GRACE_REQUESTS,
        reduction_factor=REDUCTION_FACTOR,
    )


def best_trial(lines: Sequence[TrialLine]) -> TrialLine:
    """Return the ok trial with the lowest objective.

    Raises:
        SearchFailedError: There is none.
    """
    ok = [line for line in lines if line.status == "ok" and line.objective is not None]
    if ok:
        return min(ok, key=lambda line: (line.objective, line.density))
    counts = Counter(line.status for line in lines)
    if not lines or set(counts) == {"infeasible"}:
        reasons = list(dict.fromkeys(line.reason for line in lines if line.reason))
        because = f": {reasons[0]}" if reasons else ""
        raise SearchFailedError(f"The search space has no feasible point among {len(lines)} tried{because}.")
    ended = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    reason = next(line.reason for line in lines if line.status != "infeasible" and line.reason)
    raise SearchFailedError(f"No trial ended well ({ended}); the first said: {reason}.")


def quiet_ray_tune() -> None:
    """Keep Ray Tune from printing, logging and catching Ctrl-C beside us; call before ray starts."""
    defaults = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
