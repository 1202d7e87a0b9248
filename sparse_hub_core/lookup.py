"""From registered names to the classes behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparse_hub_core.errors import UsageError, did_you_mean
from sparse_hub_core.plugins import load_registry

if TYPE_CHECKING:
    from sparse_hub_core.benchmark import Benchmark
    from sparse_hub_core.masker import MaskerConfig
    from sparse_hub_core.registry import BenchmarkEntry, Registry


def get_masker_config(name: str, registry: Registry | None = None) -> type[MaskerConfig]:
    """Return the config class behind a registered masker name.

    Raises:
        UsageError: Nothing of that name is registered, or its plugin is broken.
    """
    registry = registry or load_registry()
    config_class: type[MaskerConfig] = registry.get(registry.maskers, name).load()
    return config_class


def get_benchmark(name: str, registry: Registry | None = None) -> Benchmark:
    """Return an instance of the benchmark behind a registered name.

    Raises:
        UsageError: Nothing of that name is registered, or its plugin is broken.
    """
    registry = registry or load_registry()
    benchmark: Benchmark = registry.get(registry.benchmarks, name).load()()
    return benchmark


def get_task(registry: Registry, task: str) -> tuple[BenchmarkEntry, str]:
    """Split ``benchmark/subset`` and check both.

    Raises:
        UsageError: The benchmark or the subset is unknown.
    """
    name, slash, subset = task.partition("/")
    entry = registry.get(registry.benchmarks, name)
    if subset not in entry.subsets:
        missing = f"has no subset {subset!r}" if slash else "needs a subset"
        raise UsageError(f"The benchmark {name!r} {missing}: {did_you_mean(subset, entry.subsets)}")
    return entry, subset


def masker_name(registry: Registry, config_class: type[MaskerConfig]) -> str | None:
    """Return the name a config class is registered under, or None."""
    reference = f"{config_class.__module__}:{config_class.__qualname__}"
    return next((entry.name for entry in registry.maskers if entry.ref == reference), None)
