"""The matrix of a run: names checked before anything starts, cells, and what identifies their results."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import importlib_metadata

from sparse_hub_core.code_digest import code_digest, core_digest
from sparse_hub_core.data.choice import choose_data
from sparse_hub_core.data.source import hub_commit
from sparse_hub_core.errors import DataError, PluginError, SparseHubError
from sparse_hub_core.lookup import Task, get_task, masker_name
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.models.source import ModelSource
from sparse_hub_core.optimizer_factory import StackEntry, create_optimizer
from sparse_hub_core.presets import DENSE
from sparse_hub_core.registry import Registry, Subset
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.results.run_directory import CellDirectory, RunDirectory
from sparse_hub_core.results.schema import Best
from sparse_hub_core.search.algorithm_options import complete_options
from sparse_hub_core.search.warm_start import earlier_winners, fitting
from sparse_hub_core.spec import Spec

if TYPE_CHECKING:
    from sparse_hub_core.benchmark import Benchmark

SHARED_SETTINGS = (
    *("models", "benchmarks", "presets", "data", "extra_metrics"),
    *("output_dir", "ray_address", "max_concurrent", "trace_dir"),
)
"""Settings that do not change a cell's result, or that its own identity tells by their content."""


StageName = Literal["search", "validate"]


@dataclass(frozen=True)
class Cell:
    """One model x task x preset, and how far it got."""

    model: str
    task: str
    preset: str
    maskers: tuple[str, ...]
    status: Literal["new", "begun", "searched", "done", "no data"]
    note: str | None = None
    """What of a search that was cut off is there."""


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    run_id: str
    directory: Path
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """The checked names of a run and everything looked up for them."""

    registry: Registry
    spec: Spec
    models: tuple[ModelSource, ...]
    tasks: tuple[str, ...]
    stacks: Mapping[str, Sequence[StackEntry]]
    device: str
    dtype: str
    judged: str | None = None
    """The identity of the search whose winner is validated by itself."""
    data_revision: str | None = None
    """The commit of the hub that its requests came from."""
    known_hubs: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What the hub answered of each repository and revision, asked for once."""
    data_identities: dict[str, str] = field(default_factory=dict)
    """What identifies each task's data, found out once."""

    @cached_property
    def directory(self) -> RunDirectory:
        """The run's folder, named after its settings, so that the same command finds it again."""
        settings = self.spec.model_dump(mode="json", exclude=set(SHARED_SETTINGS))
        settings.update(device=self.device, dtype=self.dtype, judged=self.judged)
        kind = "run" if self.judged is None else "validate"
        return RunDirectory(Path(self.spec.output_dir) / f"{kind}-{content_hash(settings)[:10]}")

    def cell_directory(self, model: ModelSource, task: str, preset: str) -> CellDirectory:
        """Return the folder of a cell."""
        return self.directory.cell(model.name, task, preset)

    @property
    def searched(self) -> tuple[str, ...]:
        """The presets that are searched; dense attention has nothing to search."""
        return tuple(name for name in self.stacks if name != DENSE)

    def benchmark(self, task: str) -> Benchmark:
        """Return the benchmark of a task, ready to make its requests.

        Raises:
            UsageError: The data that the user named is not there, or the benchmark's class fails.
        """
        found = get_task(self.registry, task)
        # A branch is resolved once, so that all rows come from the commit that the results name.
        commit = hub_commit(self.data_identities.get(task, ""))
        data = choose_data(self.spec.data, found, commit or self.data_revision, self.known_hubs)
        with _failures_told(found):
            benchmark: Benchmark = found.entry.load()(data, self.extra_metrics(found.subset))
        return benchmark

    def extra_metrics(self, subset: Subset) -> list[str]:
        """Return the extra metrics of a subset that were asked for."""
        return [name for name in subset.extra_metrics if name in self.spec.extra_metrics]

    def data_identity(self, task: str) -> str:
        """Return what identifies the content that a task's requests are made of.

        Raises:
            UsageError: It cannot be had.
        """
        if task not in self.data_identities:
            self.data_identities[task] = self._find_identity(task)
        return self.data_identities[task]

    def _find_identity(self, task: str) -> str:
        found = get_task(self.registry, task)
        benchmark = self.benchmark(task)
        with _failures_told(found):
            return benchmark.data_identity(found.subset.name)

    def check_unchanged(self, task: str) -> None:
        """Check that the data still is what results are filed under.

        Raises:
            DataError: Files of a folder were changed since the run began.
        """
        if self._find_identity(task) != self.data_identity(task):
            raise DataError(f"The data of {task} changed while it was in use; start the same command again.")

    @cached_property
    def class_names(self) -> dict[type[MaskerConfig], str]:
        """Return the registered name of every config class of the stacks."""
        classes = {entry if isinstance(entry, type) else type(entry) for s in self.stacks.values() for entry in s}
        found = {config_class: masker_name(self.registry, config_class) for config_class in classes}
        return {config_class: name for config_class, name in found.items() if name is not None}

    def measurement(self, model_fingerprint: str, task: str) -> dict[str, Any]:
        """Return everything but the configuration that changes what a request of a search gives."""
        found, spec = get_task(self.registry, task), self.spec
        return {
            **self._conditions(model_fingerprint, found),
            "search": spec.search.model_dump(mode="json", exclude={"timeout", "max_requests"}),
            "trace_max_gb": spec.trace_max_gb,
            "versions": {name: _version(name) for name in sorted(_packages(found))},
        }

    def _conditions(self, model_fingerprint: str, found: Task) -> dict[str, Any]:
        """Return what changes whatever is measured on a task, dense or sparse."""
        return {
            "model": model_fingerprint,
            "task": found.name,
            "benchmark_version": found.entry.version,
            "data": self.data_identity(found.name),
            "seed": self.spec.seed,
            "device": self.device,
            "dtype": self.dtype,
            "code": {"core": core_digest(), "benchmark": code_digest(found.entry.load())},
        }

    def identity(self, model_fingerprint: str, task: str, preset: str) -> dict[str, Any]:
        """Return everything that changes a cell's results: settings, content of the model, versions."""
        found, spec = get_task(self.registry, task), self.spec
        packages = _packages(found)
        content = {
            **self._conditions(model_fingerprint, found),
            "validation": spec.validation.model_dump(mode="json"),
            "extra_metrics": self.extra_metrics(found.subset),
        }
        if preset != DENSE:
            optimizer = create_optimizer(self.stacks[preset], self.class_names)
            for kind, name in (("search_algorithms", spec.search_algorithm), ("objectives", spec.objective)):
                used = self.registry.get(getattr(self.registry, kind), name)
                packages.add(used.provenance.distribution)
                content["code"][kind] = code_digest(used.load())
            algorithm = self.registry.get(self.registry.search_algorithms, spec.search_algorithm)
            packages.update(algorithm.packages)
            content["search_options"] = complete_options(algorithm.load(), spec.search_options)
            packages |= {self._distribution(entry) for entry in self.stacks[preset]} - {None}
            content["search"] = spec.search.model_dump(mode="json")
            content["num_samples"] = spec.num_samples
            content["algorithm"], content["scheduler"] = spec.search_algorithm, spec.scheduler
            content["objective"], content["fidelity"] = spec.objective, spec.fidelity
            content["budget"] = [spec.max_density, spec.max_io_density, *spec.densities]
            content["trace_max_gb"] = spec.trace_max_gb
            content["warm_start"] = self.warm_start(task, preset)
            content["stack"] = [
                [prefix, _parameters(entry), code_digest(entry)]
                for prefix, entry in zip(optimizer.prefixes, optimizer.stack, strict=True)
            ]
            content["space"] = repr(optimizer.create_search_space(task))
        content["versions"] = {name: _version(name) for name in sorted(packages)}
        return content

    def warm_start(self, task: str, preset: str) -> list[dict[str, Any]]:
        """Return the parameters of earlier winners that a preset's search begins with."""
        space = create_optimizer(self.stacks[preset], self.class_names).create_search_space(task)
        return fitting(self.earlier_winners, space)

    @cached_property
    def earlier_winners(self) -> list[Best]:
        """The winners of the runs that the search is to begin with.

        Raises:
            UsageError: A path holds none.
        """
        return earlier_winners(self.spec.warm_start, self.directory.path)

    def _distribution(self, entry: StackEntry) -> Any:
        name = masker_name(self.registry, entry if isinstance(entry, type) else type(entry))
        return None if name is None else self.registry.get(self.registry.maskers, name).provenance.distribution


@cache
def _version(distribution: str) -> str:
    return importlib_metadata.version(distribution)


def _packages(task: Task) -> set[str]:
    return {"sparse-hub", "torch", "transformers", task.entry.provenance.distribution}


@contextmanager
def _failures_told(task: Task) -> Iterator[None]:
    """Turn whatever a benchmark's class raises into a sentence, so that the other tasks go on.

    Raises:
        PluginError: It raised something that is no sentence of its own.
    """
    try:
        yield
    except SparseHubError:
        raise
    except Exception as error:
        origin = task.entry.provenance
        raise PluginError(
            f"The benchmark {task.entry.name!r} of {origin.distribution} {origin.version} fails: "
            f"{type(error).__name__}: {error}; tell its author, or leave out {task.name}."
        ) from error


def _parameters(entry: StackEntry) -> dict[str, Any]:
    """Return what identifies an instance, or a class's defaults, which fields outside its search space keep."""
    if isinstance(entry, MaskerConfig):
        return entry.identity()
    if any(f.default is f.default_factory is dataclasses.MISSING for f in dataclasses.fields(entry)):
        return {field.name: repr(field.default) for field in dataclasses.fields(entry)}
    return entry().identity()
