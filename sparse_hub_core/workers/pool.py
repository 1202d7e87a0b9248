"""The workers of one model: started once, replaced when they hang or die, and fed requests."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray

from sparse_hub_core.errors import ModelError, SparseHubError
from sparse_hub_core.workers.worker import ModelWorker, Outcome, WorkerSettings

NAMESPACE = "sparse_hub"


@dataclass
class WorkerPool:
    """Named Ray actors that hold the same model, one per slot."""

    settings: WorkerSettings
    num_gpus_each: float
    size: int
    names: list[str] = field(default_factory=list)
    handles: list[Any] = field(default_factory=list)
    starting: dict[Any, int] = field(default_factory=dict)
    """Ray's reference to the readiness of each worker that took another's place, and its slot."""

    def start(self) -> None:
        """Start all workers and wait until they hold the model.

        Raises:
            ModelError: The model cannot be loaded.
        """
        for _ in range(self.size):
            name, handle = self._create()
            self.names.append(name)
            self.handles.append(handle)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until all workers hold the model.

        Raises:
            ModelError: The model cannot be loaded.
        """
        try:
            ray.get([handle.ready.remote() for handle in self.handles])
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, ModelError) else ModelError(last_line(error)) from error
        except ray.exceptions.RayActorError as error:
            raise ModelError(
                f"A worker could not start with {self.settings.source.name!r}: {last_line(error)}"
            ) from error

    def replace(self, slot: int) -> None:
        """End a slot's worker, whatever it is doing, and start another."""
        ray.kill(self.handles[slot])
        self.starting = {reference: other for reference, other in self.starting.items() if other != slot}
        self.names[slot], self.handles[slot] = self._create()
        self.starting[self.handles[slot].ready.remote()] = slot

    def free(self, busy: Collection[int]) -> list[int]:
        """Return the slots whose worker holds the model and does nothing."""
        return [slot for slot in range(len(self.handles)) if slot not in {*busy, *self.starting.values()}]

    def wait(self, references: Sequence[Any], seconds: float) -> list[Any]:
        """Wait until one of some calls has ended or a worker became ready, and return the calls that have ended.

        Raises:
            ModelError: Nothing runs, and no worker became ready or can be waited for.
        """
        waited_for = [*references, *self.starting]
        arrived = ray.wait(waited_for, timeout=seconds)[0] if waited_for else []
        for reference in arrived:
            if reference in self.starting:
                self._take_ready(reference)
        if not arrived and not references:
            raise ModelError(
                f"No worker with {self.settings.source.name!r} is left, and none became ready within {seconds:g} s; "
                "check the machines of the cluster, and run the same command again: what was finished is kept."
            )
        return [reference for reference in arrived if reference in references]

    def _take_ready(self, reference: Any) -> None:
        slot = self.starting.pop(reference)
        try:
            ray.get(reference)
        except ray.exceptions.RayError:
            # Its machine is gone as well; another may have room.
            self.replace(slot)

    def stop(self) -> None:
        """End all workers."""
        for handle in self.handles:
            ray.kill(handle)
        self.names, self.handles = [], []

    def _create(self) -> tuple[str, Any]:
        name = f"sparse-hub-worker-{uuid.uuid4().hex[:12]}"
        cpus = 0 if self.num_gpus_each else self.settings.threads
        options = {"name": name, "namespace": NAMESPACE, "num_cpus": cpus, "num_gpus": self.num_gpus_each}
        return name, ray.remote(ModelWorker).options(**options).remote(self.settings)

    def map(
        self,
        call: Callable[[Any, int], Any],
        items: Sequence[int],
        deadline: float,
    ) -> Iterator[tuple[int, Outcome]]:
        """Run one call per item on whichever worker is free, and yield the outcomes as they come.

        Args:
            call: Starts the call for an item on a worker's handle and returns Ray's reference to its answer.
            items: What to run, in order.
            deadline: ``time.monotonic()`` after which running workers are replaced and items count as timed out.
        """
        waiting = list(items)
        running: dict[Any, tuple[int, int]] = {}
        lost: set[int] = set()
        try:
            while waiting or running:
                for slot in self.free({slot for slot, _ in running.values()})[: len(waiting)]:
                    item = waiting.pop(0)
                    running[call(self.handles[slot], item)] = (slot, item)
                done = self.wait(list(running), max(0.0, deadline - time.monotonic()))
                if not done and time.monotonic() >= deadline:
                    late = [item for _, item in running.values()]
                    yield from ((item, Outcome(None, "timeout", "the time limit was reached")) for item in late)
                    reason = "the time limit was reached before its turn"
                    yield from ((item, Outcome(None, "timeout", reason)) for item in waiting)
                    return
                for reference in done:
                    slot, item = running.pop(reference)
                    outcome = _outcome(reference)
                    if outcome.status == "oom" or outcome.reason == WORKER_DIED:
                        self.replace(slot)
                    if outcome.reason == WORKER_DIED and item not in lost:
                        # A worker can die with its machine, which says nothing of the item.
                        lost.add(item)
                        waiting.insert(0, item)
                    else:
                        yield item, outcome
        finally:
            # Whoever asked has gone, or the time is up: what still runs must not keep the worker from the next call.
            for slot, _ in running.values():
                self.replace(slot)


WORKER_DIED = "the worker died (killed by the system, or a crash in native code)"


def _outcome(reference: Any) -> Outcome:
    try:
        answer = ray.get(reference)
    except ray.exceptions.OutOfMemoryError as error:
        return Outcome(None, "oom", last_line(error))
    except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError):
        return Outcome(None, "error", WORKER_DIED)
    except ray.exceptions.RayTaskError as error:
        return Outcome(None, "error", last_line(error))
    return answer if isinstance(answer, Outcome) else Outcome(None)


def last_line(error: BaseException) -> str:
    """Return the last line of an error that Ray carries a whole traceback in, or the sentence behind it."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, SparseHubError):
        return str(cause)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def running_pool(settings: WorkerSettings, num_gpus_each: float, size: int) -> Iterator[WorkerPool]:
    """Hold a pool for the length of a block."""
    pool = WorkerPool(settings, num_gpus_each, size)
    try:
        pool.start()
        yield pool
    finally:
        pool.stop()
