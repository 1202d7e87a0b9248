"""One model of a run: its tokenizer, its workers, and the Ray they live in."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import ray

from sparse_hub_core.code_digest import core_digest
from sparse_hub_core.environment import library_versions, num_cores
from sparse_hub_core.errors import UsageError
from sparse_hub_core.matrix import Matrix, StageName
from sparse_hub_core.models.fingerprint import fingerprint
from sparse_hub_core.models.loading import load_tokenizer
from sparse_hub_core.models.source import ModelSource
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.results.schema import Best
from sparse_hub_core.traces.place import require_writable, trace_dir
from sparse_hub_core.workers.division import divide, workers_that_fit
from sparse_hub_core.workers.pool import WorkerPool, running_pool
from sparse_hub_core.workers.worker import WorkerSettings

CONNECT_SECONDS = 10.0


@contextmanager
def _ray(address: str | None, num_cpus: int) -> Iterator[None]:
    """Have Ray running for the length of a block, and leave it as it was found."""
    # Ray would hide all GPUs from a worker that asks for none.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    started_here = not ray.is_initialized()
    if started_here:
        _require_reachable(address)
        ray.init(
            # Without an address of the user's, RAY_ADDRESS must not decide.
            address=address or "local",
            num_cpus=None if address else num_cpus,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    try:
        yield
    finally:
        if started_here:
            ray.shutdown()


def _require_reachable(address: str | None) -> None:
    """Check that something answers at an address, which Ray itself would try for minutes.

    Raises:
        UsageError: Nothing does.
    """
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise UsageError(
            f"--ray-address {address} cannot be reached ({error.strerror or error}); start Ray there with ray start "
            "--head, or leave the flag out to run on this machine."
        ) from error


@dataclass
class ModelRun:
    """One model of a run: its tokenizer and workers, each made when first asked for."""

    matrix: Matrix
    source: ModelSource
    progress: Progress
    stages: tuple[StageName, ...]
    given: Best | None
    resources: ExitStack
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """What identifies the model's content."""
        if "fingerprint" not in self.made:
            self.made["fingerprint"] = fingerprint(self.source)
        return str(self.made["fingerprint"])

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        if "tokenizer" not in self.made:
            self.made["tokenizer"] = load_tokenizer(self.source)
        return self.made["tokenizer"]

    @property
    def pool(self) -> WorkerPool:
        """The workers that hold the model; Ray starts with them.

        Raises:
            ModelError: The model cannot be loaded.
            UsageError: Ray has too few CPUs or GPUs for what was asked.
        """
        if "pool" not in self.made:
            self.progress.stage(f"load {self.source.name}")
            spec = self.matrix.spec
            require_writable(spec.trace_dir)
            # On this machine trials may share cores where the user asks for more of them than there are.
            num_cpus = max(num_cores(), (spec.max_concurrent or 1) * (spec.threads_per_trial or 1))
            self.resources.enter_context(_ray(spec.ray_address, num_cpus))
            self.made["pool"] = self.resources.enter_context(running_pool(*self._pool_settings()))
        pool: WorkerPool = self.made["pool"]
        return pool

    def _pool_settings(self) -> tuple[WorkerSettings, float, int]:
        matrix, spec = self.matrix, self.matrix.spec
        # Not those of plugins: what is kept is dense, so that installing one keeps it.
        software = content_hash({**library_versions(), "code": core_digest()})[:8]
        key = f"{self.fingerprint}-{matrix.device}-{matrix.dtype}-{software}"
        resources = ray.cluster_resources()
        # A relative path is one of this process, not of a worker's.
        chosen = spec.trace_dir and str(trace_dir(spec.trace_dir))
        kept = chosen, int(spec.trace_max_gb * (1 << 30))
        settings = WorkerSettings(self.source, matrix.device, matrix.dtype, 1, *kept, key)
        cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        if matrix.device == "cuda":
            gpus = int(resources.get("GPU", 0))
            if not gpus:
                raise UsageError(
                    "torch sees a CUDA device, but Ray counts no GPU; check --ray-address, or use --device cpu."
                )
            size = spec.max_concurrent or gpus
            threads = spec.threads_per_trial or max(1, sum(cores) // size)
            share = 1.0 / math.ceil(size / gpus)
            return replace(settings, threads=threads, gpu_share=share), share, size
        size, threads = divide(
            cores if spec.ray_address else [num_cores()], spec.max_concurrent, spec.threads_per_trial
        )
        if spec.ray_address and workers_that_fit(cores, threads) < size:
            raise UsageError(
                f"{size} trials at a time with {threads} threads each need more CPUs than the machines of the Ray "
                f"cluster have ({', '.join(map(str, cores))}); lower --max-concurrent or --threads-per-trial."
            )
        return replace(settings, threads=threads), 0.0, size
