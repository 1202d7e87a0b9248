"""Workers that never come, or come back no more, keep nothing waiting for ever."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import ray

from sparse_hub_core.errors import ModelError
from sparse_hub_core.models.source import ModelSource, resolve_model
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.workers import pool as pool_module
from sparse_hub_core.workers.calls import WORKER_DIED, call_for_each, call_one
from sparse_hub_core.workers.pool import MAX_FAILED_STARTS, MAX_LOST_WORKERS, WorkerPool, running_pool
from sparse_hub_core.workers.worker import Outcome, WorkerSettings

pytestmark = pytest.mark.slow

CORES, THREADS = 5, 2


@pytest.fixture(scope="module")
def two_places() -> Iterator[None]:
    """Ray with room for two workers, and a small one beside them."""
    ray.init(address="local", num_cpus=CORES, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> WorkerSettings:
    folder = str(tmp_path_factory.mktemp("traces"))
    return WorkerSettings(resolve_model(load_registry(), "demo"), "cpu", "float32", THREADS, folder, 1 << 30, "key")


@pytest.fixture(scope="module")
def three_workers(two_places: None, settings: WorkerSettings) -> Iterator[WorkerPool]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as resources:
        patch.setattr(pool_module, "JOIN_SECONDS", 3.0)
        yield resources.enter_context(running_pool(settings, 0.0, 3))


@pytest.fixture
def pool(three_workers: WorkerPool) -> WorkerPool:
    """Three workers, one of which finds no place."""
    while len(three_workers.homes) < 2:
        three_workers.wait((), 60.0)
    return three_workers


def die(worker: ray.actor.ActorHandle, _: int = 0) -> ray.ObjectRef:
    """End the process of a worker from within."""
    return worker.__ray_call__.remote(lambda _: __import__("os")._exit(1))


def ready(worker: ray.actor.ActorHandle, _: int = 0) -> ray.ObjectRef:
    """Ask for something that always works."""
    return worker.ready.remote()


def test_a_worker_that_finds_no_place_is_never_waited_for(pool: WorkerPool) -> None:
    assert len(pool.starting) == 1
    free = pool.free(())
    assert len(free) == 2
    deadline = time.monotonic() + 60
    said = Outcome(None, reason="done")
    calls = call_for_each(pool, lambda worker, _: worker.__ray_call__.remote(lambda _: said), range(5), deadline)
    assert dict(calls) == dict.fromkeys(range(5), said)
    assert {home.threads for home in pool.homes.values()} == {THREADS}
    assert len(pool.stores()) == 1


def test_one_call_goes_to_a_worker_that_is_ready(pool: WorkerPool) -> None:
    pool.replace(pool.free(())[0])
    assert call_one(pool, ready, 60.0) in pool.homes.values()


def test_items_for_a_folder_that_nobody_has_are_left_out(pool: WorkerPool) -> None:
    calls = call_for_each(pool, ready, [1, 2], time.monotonic() + 60, store=lambda _: "gone")
    assert not list(calls)


def test_what_kills_its_worker_again_and_again_is_to_blame(pool: WorkerPool) -> None:
    ((item, outcome),) = call_for_each(pool, die, [7], time.monotonic() + 60)
    assert (item, outcome.status, outcome.reason) == (7, "error", WORKER_DIED)
    assert MAX_LOST_WORKERS == 2


def test_all_workers_lost_is_told_with_the_last_reason(
    two_places: None, settings: WorkerSettings, tmp_path: Path
) -> None:
    with running_pool(dataclasses.replace(settings, threads=1), 0.0, 1) as pool:
        pool.settings = dataclasses.replace(pool.settings, source=ModelSource("broken", str(tmp_path)))
        pool.replace(0)
        for _ in range(MAX_FAILED_STARTS):
            pool.wait((), 60.0)
        with pytest.raises(ModelError, match=r"No worker with 'broken' is left, .* The last one that failed said: "):
            pool.wait((), 60.0)


def test_a_worker_too_large_for_every_machine_is_told_soon(two_places: None, settings: WorkerSettings) -> None:
    large = WorkerPool(dataclasses.replace(settings, threads=CORES + 1), 0.0, 1, patience=1.0)
    try:
        with pytest.raises(ModelError, match="none became ready in time"):
            large.start()
    finally:
        large.stop()


def test_a_model_that_cannot_be_loaded_is_told_at_once(
    two_places: None, settings: WorkerSettings, tmp_path: Path
) -> None:
    source = ModelSource("broken", str(tmp_path))
    with pytest.raises(ModelError), running_pool(dataclasses.replace(settings, source=source, threads=1), 0.0, 2):
        raise AssertionError("It started.")
