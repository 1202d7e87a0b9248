"""What workers do before a stage: every folder of traces is filled once, by all workers that share it."""

from __future__ import annotations

import time
from dataclasses import replace

import ray

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.traces.plan import TracePlan
from sparse_hub_core.workers.calls import call_for_each
from sparse_hub_core.workers.pool import WorkerPool
from sparse_hub_core.workers.worker import Stage


def plan_recording(stage: Stage, pool: WorkerPool, timeout: float) -> TracePlan:
    """Return what to record of a stage's requests so that it fits into every folder.

    Raises:
        SparseHubError: It cannot be recorded.
    """
    reference, deadline = ray.put(stage), time.monotonic() + timeout
    plans = []
    for _, outcome in call_for_each(
        pool, lambda worker, _: worker.plan.remote(reference), pool.stores(), deadline, store=str
    ):
        if outcome.plan is None:
            raise SparseHubError(outcome.reason or f"The traces of {stage.task} could not be planned.")
        plans.append(outcome.plan)
    if not plans:
        raise SparseHubError(f"The traces of {stage.task} could not be planned: all workers were lost.")
    smallest = min(plans, key=lambda plan: plan.num_bytes)
    return replace(smallest, is_recorded=all(plan.is_recorded for plan in plans))


def record_requests(stage: Stage, pool: WorkerPool, timeout: float) -> None:
    """Have the prefixes and traces of all requests made; a worker that joins later makes what its folder lacks.

    Raises:
        SparseHubError: A request failed.
    """
    reference, deadline = ray.put(stage), time.monotonic() + timeout * len(stage.requests)
    items = [(store, index) for index in range(len(stage.requests)) for store in pool.stores()]
    for (_, index), outcome in call_for_each(
        pool,
        lambda worker, item: worker.prefill.remote(reference, item[1]),
        items,
        deadline,
        store=lambda item: item[0],
    ):
        if outcome.status != "ok":
            request = stage.requests[index].request.id
            raise SparseHubError(f"The prefix of request {request!r} could not be prefilled: {outcome.reason}.")
