"""From registered names to the classes behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparse_hub_core.errors import UsageError, did_you_mean
from sparse_hub_core.plugins import load_registry

if TYPE_CHECKING:
    from sparse_hub_core.benchmark import Benchmark
    from sparse_hub_core.data.source import DataSource
    from sparse_hub_core.masker import MaskerConfig
    from sparse_hub_core.registry import BenchmarkEntry, Registry, Subset


def get_masker_config(name: str, registry: Registry | None = None) -> type[MaskerConfig]:
    """Return the config class behind a registered masker name.

    Raises:
        UsageError: Nothing of that name is registered, or its plugin is broken.
    """
    registry = registry or load_registry()
    config_class: type[MaskerConfig] = registry.get(registry.maskers, name).load()
    return config_class


def get_benchmark(
    name: str,
    registry: Registry | None = None,
    data: DataSource | None = None,
    extra_metrics: Sequence[str] = (),
) -> Benchmark:
    """Return an instance of the benchmark behind a registered name, which takes its rows from ``data``.

    Raises:
        UsageError: Nothing of that name is registered, or its plugin is broken.
    """
    registry = registry or load_registry()
    benchmark: Benchmark = registry.get(registry.benchmarks, name).load()(data, extra_metrics)
    return benchmark


SAMPLE_SUFFIX = "@sample"


@dataclass(frozen=True)
class Task:
    """A subset of a benchmark, or its offline sample: ``benchmark/subset`` or ``benchmark/subset@sample``."""

    benchmark: str
    """The benchmark as it was asked for, which may be ``distribution:name``."""
    entry: BenchmarkEntry
    subset: Subset
    is_sample: bool = False

    @property
    def name(self) -> str:
        """What names it everywhere, in tables and in files."""
        return f"{self.benchmark}/{self.subset.name}{SAMPLE_SUFFIX if self.is_sample else ''}"


def get_task(registry: Registry, task: str) -> Task:
    """Return what a task's name stands for.

    Raises:
        UsageError: The benchmark or the subset is unknown, or a generated subset's sample is asked for.
    """
    name, slash, rest = task.partition("/")
    entry = registry.get(registry.benchmarks, name)
    subset = entry.subset(rest.removesuffix(SAMPLE_SUFFIX))
    if subset is None:
        missing = f"has no subset {rest!r}" if slash else "needs a subset"
        nearest = did_you_mean(rest, [subset.name for subset in entry.subsets], registry.benchmarks.listing)
        raise UsageError(f"The benchmark {name!r} {missing}: {nearest}")
    is_sample = rest.endswith(SAMPLE_SUFFIX)
    if is_sample and subset.generated:
        raise UsageError(f"{name}/{subset.name} is generated, which needs no sample; leave out {SAMPLE_SUFFIX!r}.")
    return Task(name, entry, subset, is_sample)


def masker_name(registry: Registry, config_class: type[MaskerConfig]) -> str | None:
    """Return the name a config class is registered under, or None."""
    reference = f"{config_class.__module__}:{config_class.__qualname__}"
    return next((entry.name for entry in registry.maskers if entry.ref == reference), None)
