"""The workers of one model: started once, replaced when they hang or die."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray

from sparse_hub_core.errors import ModelError, SparseHubError
from sparse_hub_core.workers.worker import Home, ModelWorker, WorkerSettings

NAMESPACE = "sparse_hub"
START_SECONDS = 1800.0
"""A busy cluster may give a run its first worker late."""
JOIN_SECONDS = 30.0
"""Workers that need so much longer than the first one do not keep the run waiting; they join when they are ready."""
POLL_SECONDS = 2.0
MAX_FAILED_STARTS = 3
MAX_LOST_WORKERS = 2
"""What costs so many workers on machines that live on is to blame itself."""
MAX_LOST_MACHINES = 5
"""A machine that dies says nothing of what ran there, but something has to end."""


@dataclass
class WorkerPool:
    """Named Ray actors that hold the same model, one per slot."""

    settings: WorkerSettings
    num_gpus_each: float
    size: int
    patience: float = 60.0
    """Seconds in which a machine must turn up when no living one has room for a worker, and none is left."""
    names: list[str] = field(default_factory=list)
    handles: list[Any] = field(default_factory=list)
    starting: dict[Any, int] = field(default_factory=dict)
    """Ray's reference to the home of each worker that does not hold the model yet, and its slot."""
    homes: dict[int, Home] = field(default_factory=dict)
    """Where the worker of each slot lives, of those that hold the model."""
    failed_starts: Counter[int] = field(default_factory=Counter)
    failure: ray.exceptions.RayError | None = None
    has_started: bool = False
    """Before, a model that cannot be loaded is told at once; later, a worker that fails is tried again."""

    def start(self) -> None:
        """Start all workers and wait until they hold the model; those that take much longer than the first join later.

        Raises:
            ModelError: The model cannot be loaded, or no machine has room for a worker.
        """
        began = time.monotonic()
        self.names, self.handles = [""] * self.size, [None] * self.size
        for slot in range(self.size):
            self._create(slot)
        self.wait((), START_SECONDS)
        if not self.homes:
            raise self._cannot_start()
        self.has_started = True
        references = list(self.starting)
        grace = time.monotonic() - began + JOIN_SECONDS
        for reference in ray.wait(references, num_returns=len(references), timeout=grace)[0] if references else ():
            self._take_ready(reference)

    def replace(self, slot: int) -> None:
        """End a slot's worker, whatever it is doing, and start another."""
        ray.kill(self.handles[slot])
        self.starting = {reference: other for reference, other in self.starting.items() if other != slot}
        self.homes.pop(slot, None)
        self._create(slot)

    def free(self, busy: Collection[int]) -> list[int]:
        """Return the slots whose worker holds the model and does nothing."""
        return [slot for slot in sorted(self.homes) if slot not in busy]

    def stores(self) -> list[str]:
        """Return the folders of traces that the workers have among them."""
        return sorted({home.store for home in self.homes.values()})

    def is_lost_with_machine(self, slot: int, error: ray.exceptions.RayError) -> bool:
        """Return whether a worker that is gone took its machine along, as far as Ray knows yet."""
        home = self.homes[slot].node
        dead = {node["NodeID"] for node in ray.nodes() if not node["Alive"]}
        return home in dead or isinstance(error, ray.exceptions.ActorUnavailableError)

    def wait(self, references: Sequence[Any], seconds: float) -> list[Any]:
        """Wait until one of some calls has ended or a worker became ready, and return the calls that have ended.

        Raises:
            ModelError: Nothing runs, and no worker became ready or can be waited for.
        """
        if not references:
            self._wait_for_worker(seconds)
            return []
        arrived = ray.wait([*references, *self.starting], timeout=seconds)[0]
        for reference in arrived:
            if reference in self.starting:
                self._take_ready(reference)
        return [reference for reference in arrived if reference in references]

    def stop(self) -> None:
        """End all workers."""
        for handle in self.handles:
            ray.kill(handle)
        self.names, self.handles = [], []
        self.starting, self.homes = {}, {}

    def _wait_for_worker(self, seconds: float) -> None:
        """Wait until a worker became ready or failed to; not for long where no machine has room for one."""
        now = time.monotonic()
        deadline, hopeless_at = now + seconds, now + self.patience
        while self.starting and now < min(deadline, hopeless_at):
            arrived = ray.wait(list(self.starting), timeout=min(POLL_SECONDS, deadline - now, hopeless_at - now))[0]
            for reference in arrived:
                self._take_ready(reference)
            if arrived:
                return
            now = time.monotonic()
            if self._has_machine():
                hopeless_at = now + self.patience
        last = f" The last one that failed said: {last_line(self.failure)}." if self.failure else ""
        raise ModelError(
            f"No worker with {self.settings.source.name!r} is left, and none became ready in time; check the machines "
            f"of the cluster, and run the same command again: what was finished is kept.{last}"
        )

    def _has_machine(self) -> bool:
        """Return whether a living machine is large enough for a worker, whether or not it is busy."""
        needed = {"CPU": self._num_cpus_each, "GPU": self.num_gpus_each}
        return any(
            node["Alive"] and all(node["Resources"].get(name, 0) >= amount for name, amount in needed.items())
            for node in ray.nodes()
        )

    def _take_ready(self, reference: Any) -> None:
        slot = self.starting.pop(reference)
        try:
            self.homes[slot] = ray.get(reference)
        except ray.exceptions.RayError as error:
            self.failure = error
            self.failed_starts[slot] += 1
            if self.has_started and self.failed_starts[slot] < MAX_FAILED_STARTS:
                # Its machine may be gone as well; another may have room.
                self.replace(slot)
        else:
            del self.failed_starts[slot]

    def _cannot_start(self) -> ModelError:
        error = self.failure
        assert error is not None
        cause = getattr(error, "cause", None)
        if isinstance(cause, ModelError):
            return cause
        return ModelError(f"A worker could not start with {self.settings.source.name!r}: {last_line(error)}")

    @property
    def _num_cpus_each(self) -> int:
        return 0 if self.num_gpus_each else self.settings.threads

    def _create(self, slot: int) -> None:
        self.names[slot] = f"sparse-hub-worker-{uuid.uuid4().hex[:12]}"
        resources = {"num_cpus": self._num_cpus_each, "num_gpus": self.num_gpus_each}
        options = {"name": self.names[slot], "namespace": NAMESPACE, **resources}
        self.handles[slot] = ray.remote(ModelWorker).options(**options).remote(self.settings)
        self.starting[self.handles[slot].ready.remote()] = slot


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
