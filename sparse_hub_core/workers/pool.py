"""The workers of one model: started once, replaced when they hang or die, and fed requests."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
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
        self.names[slot], self.handles[slot] = self._create()

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
        free = list(range(len(self.handles)))
        try:
            while waiting or running:
                while waiting and free:
                    slot, item = free.pop(0), waiting.pop(0)
                    running[call(self.handles[slot], item)] = (slot, item)
                done, _ = ray.wait(list(running), timeout=max(0.0, deadline - time.monotonic()))
                if not done:
                    late = [item for _, item in running.values()]
                    yield from ((item, Outcome(None, "timeout", "the time limit was reached")) for item in late)
                    reason = "the time limit was reached before its turn"
                    yield from ((item, Outcome(None, "timeout", reason)) for item in waiting)
                    return
                slot, item = running.pop(done[0])
                outcome = _outcome(done[0])
                if outcome.status == "oom" or outcome.reason == WORKER_DIED:
                    self.replace(slot)
                free.append(slot)
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
    except ray.exceptions.RayActorError:
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
