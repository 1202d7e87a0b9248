"""Calls of workers: many on whichever is free, or one on any; those that are lost with a worker run on another."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import ray

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.workers.pool import MAX_LOST_MACHINES, MAX_LOST_WORKERS, WorkerPool, last_line
from sparse_hub_core.workers.worker import Outcome

Item = TypeVar("Item")

WORKER_DIED = "the worker died (killed by the system, or a crash in native code)"


def call_for_each(
    pool: WorkerPool,
    call: Callable[[Any, Item], Any],
    items: Sequence[Item],
    deadline: float,
    store: Callable[[Item], str] | None = None,
) -> Iterator[tuple[Item, Outcome]]:
    """Run one call per item on whichever worker is free, and yield the outcomes as they come.

    Args:
        pool: The workers.
        call: Starts the call for an item on a worker's handle and returns Ray's reference to its answer.
        items: What to run, in order.
        deadline: ``time.monotonic()`` after which running workers are replaced and items count as timed out.
        store: The folder of traces that an item's worker must have; items whose folder is lost are left out.
    """
    waiting = list(items)
    running: dict[Any, tuple[int, Item]] = {}
    lost: Counter[Item] = Counter()
    try:
        while waiting or running:
            for slot in pool.free({slot for slot, _ in running.values()}):
                item = next((item for item in waiting if store is None or store(item) == pool.homes[slot].store), None)
                if item is not None:
                    waiting.remove(item)
                    running[call(pool.handles[slot], item)] = (slot, item)
            if store and not running and pool.stores():
                # Whoever could have run the others is gone with its machine.
                return
            done = pool.wait(list(running), max(0.0, deadline - time.monotonic()))
            if not done and time.monotonic() >= deadline:
                late = [item for _, item in running.values()]
                yield from ((item, Outcome(None, "timeout", "the time limit was reached")) for item in late)
                reason = "the time limit was reached before its turn"
                yield from ((item, Outcome(None, "timeout", reason)) for item in waiting)
                return
            for reference in done:
                slot, item = running.pop(reference)
                outcome = _outcome(pool, slot, reference, lost, item)
                if outcome is None:
                    waiting.insert(0, item)
                else:
                    yield item, outcome
    finally:
        # Whoever asked has gone, or the time is up: what still runs must not keep the worker from the next call.
        for slot, _ in running.values():
            pool.replace(slot)


def call_one(pool: WorkerPool, call: Callable[[Any], Any], seconds: float) -> Any:
    """Return the answer of any worker that holds the model.

    Raises:
        GetTimeoutError: There was none in time.
        SparseHubError: The call failed, or cost too many workers.
    """
    deadline = time.monotonic() + seconds
    lost: Counter[None] = Counter()
    while True:
        slots = pool.free(())
        if not slots:
            pool.wait((), max(0.0, deadline - time.monotonic()))
            continue
        try:
            return ray.get(call(pool.handles[slots[0]]), timeout=max(0.0, deadline - time.monotonic()))
        except ray.exceptions.GetTimeoutError:
            pool.replace(slots[0])
            raise
        except (ray.exceptions.OutOfMemoryError, ray.exceptions.RayTaskError) as error:
            raise SparseHubError(last_line(error)) from error
        except ray.exceptions.RayError as error:
            if replace_lost(pool, slots[0], error, lost, None):
                raise SparseHubError(WORKER_DIED) from error


def replace_lost(pool: WorkerPool, slot: int, error: ray.exceptions.RayError, lost: Counter[Item], item: Item) -> bool:
    """Replace a worker that was lost over an item, and return whether that item has cost too many."""
    limit = MAX_LOST_MACHINES if pool.is_lost_with_machine(slot, error) else MAX_LOST_WORKERS
    pool.replace(slot)
    lost[item] += 1
    return lost[item] >= limit


def _outcome(pool: WorkerPool, slot: int, reference: Any, lost: Counter[Item], item: Item) -> Outcome | None:
    """Return the outcome of a call; None where its worker is lost and it should be run again."""
    try:
        outcome: Outcome = ray.get(reference)
    except ray.exceptions.OutOfMemoryError as error:
        outcome = Outcome(None, "oom", last_line(error))
    except ray.exceptions.RayTaskError as error:
        outcome = Outcome(None, "error", last_line(error))
    except ray.exceptions.RayError as error:
        return Outcome(None, "error", WORKER_DIED) if replace_lost(pool, slot, error, lost, item) else None
    if outcome.status == "oom":
        # Its memory may stay in pieces.
        pool.replace(slot)
    return outcome
