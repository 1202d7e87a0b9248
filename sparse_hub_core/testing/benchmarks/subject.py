"""The benchmark under test: all its subsets, or one of them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sparse_hub_core.benchmark import Benchmark
from sparse_hub_core.data.source import DataSource
from sparse_hub_core.lookup import get_task
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Provenance, Registry, Subset
from sparse_hub_core.testing.benchmarks.network import without_network
from sparse_hub_core.testing.benchmarks.other_process import Wanted, ask
from sparse_hub_core.testing.benchmarks.subset import SubsetSubject
from sparse_hub_core.testing.check import Check, require


@dataclass(frozen=True)
class BenchmarkSubject:
    """A benchmark on its offline sample, as the checks see it.

    Raises:
        UsageError: Nothing of that name is registered, or it cannot be imported.
    """

    name: str
    benchmark_class: type[Benchmark]
    declared: tuple[Subset, ...]
    """The subsets under test, as they were registered."""
    summary: str
    version: str = "1"
    provenance: Provenance | None = None
    """The plugin that registers it, None for a class that was handed in."""
    whole: bool = True
    """Whether all its subsets are under test."""

    @classmethod
    def of(
        cls,
        benchmark: str | type[Benchmark],
        subsets: Sequence[Subset] = (),
        summary: str = "",
        version: str = "1",
        registry: Registry | None = None,
    ) -> BenchmarkSubject:
        """Return the subject behind ``benchmark`` or ``benchmark/subset``, or behind a class with its metadata."""
        if not isinstance(benchmark, str):
            summary = summary or (inspect.getdoc(benchmark) or "").partition("\n")[0]
            return cls(benchmark.__name__, benchmark, tuple(subsets), summary, version)
        registry = registry or load_registry()
        if "/" in benchmark:
            task = get_task(registry, benchmark)
            entry, chosen = task.entry, [task.subset]
        else:
            entry = registry.get(registry.benchmarks, benchmark)
            chosen = list(entry.subsets)
        whole = len(chosen) == len(entry.subsets)
        return cls(entry.name, entry.load(), tuple(chosen), entry.summary, entry.version, entry.provenance, whole)

    @property
    def known_failures(self) -> Mapping[str, str]:
        """Checks that it fails, each with the reason."""
        return self.benchmark_class.known_failures

    @property
    def checks(self) -> tuple[Check[Any], ...]:
        """The checks of benchmarks."""
        # Imported here because every check imports this module.
        from sparse_hub_core.testing.benchmarks.catalogue import BENCHMARK_CHECKS

        return BENCHMARK_CHECKS

    def surroundings(self) -> AbstractContextManager[None]:
        """Return what a check runs in."""
        return without_network()

    def fresh(self, extra_metrics: Sequence[str] = ()) -> Benchmark:
        """Return an instance that has seen nothing yet."""
        return self.benchmark_class(DataSource("sample"), extra_metrics)

    @cached_property
    def subsets(self) -> tuple[SubsetSubject, ...]:
        """The subsets under test."""
        return tuple(SubsetSubject(self, subset) for subset in self.declared)

    @property
    def elsewhere(self) -> Mapping[str, Any]:
        """What another process, with another hash seed, tells of the benchmark.

        Raises:
            AssertionError: It cannot use it.
        """
        require("error" not in self._told, f"another process cannot use it: {self._told.get('error')}")
        return self._told

    @cached_property
    def _told(self) -> dict[str, Any]:
        # One process answers for all checks and subsets.
        wanted = [one for subset in self.subsets if (one := _wanted(subset)) is not None]
        return ask(self.benchmark_class, self.provenance, wanted)


def _wanted(subset: SubsetSubject) -> Wanted | None:
    try:
        return Wanted(subset.name, subset.length, subset.count)
    except Exception:
        # Checks that ask for requests in this process tell what is raised.
        return None
