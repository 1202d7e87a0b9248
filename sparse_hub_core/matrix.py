"""The matrix of a run: names checked before anything starts, cells, and what identifies their results."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import importlib_metadata

from sparse_hub_core.code_digest import code_digest, core_digest
from sparse_hub_core.data.choice import check_folders, choose_data
from sparse_hub_core.data.source import hub_commit
from sparse_hub_core.errors import DataError, PluginError, SparseHubError, UsageError, did_you_mean
from sparse_hub_core.lookup import Task, get_task, masker_name
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.models.source import ModelSource, resolve_model
from sparse_hub_core.optimizer_factory import StackEntry, create_optimizer
from sparse_hub_core.presets import DENSE, preset_stack
from sparse_hub_core.registry import Registry, Subset
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.results.run_directory import CellDirectory, RunDirectory
from sparse_hub_core.spec import Spec

if TYPE_CHECKING:
    from sparse_hub_core.benchmark import Benchmark

DEBUG_PRESETS = ("local_sink", "sink_local_magic_pig")
DEBUG_FALLBACK = "sink_local_oracle_top_k"
SHARED_SETTINGS = (
    *("models", "benchmarks", "presets", "data", "extra_metrics"),
    *("output_dir", "ray_address", "max_concurrent"),
)
"""Settings that do not change a cell's result, or that its own identity tells by their content."""


StageName = Literal["search", "validate"]


class RunConfigurations(TypedDict):
    """What a run may go through: model names, tasks, and stacks by preset name."""

    models: list[str]
    benchmarks: list[str]
    masker_config_presets: dict[str, list[StackEntry]]


@dataclass(frozen=True)
class Cell:
    """One model x task x preset, and how far it got."""

    model: str
    task: str
    preset: str
    maskers: tuple[str, ...]
    status: Literal["new", "searched", "done", "no data"]


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
    data_identities: dict[str, str | UsageError] = field(default_factory=dict)
    """What was found out of each task's data, asked for once."""

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

    def benchmark(self, task: str) -> Benchmark:
        """Return the benchmark of a task, ready to make its requests.

        Raises:
            UsageError: The data that the user named is not there, or the benchmark's class fails.
        """
        found = get_task(self.registry, task)
        # A branch is resolved once, so that all rows come from the commit that the results name.
        known = self.data_identities.get(task)
        commit = hub_commit(known) if isinstance(known, str) else None
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
            try:
                self.data_identities[task] = self._find_identity(task)
            except UsageError as error:
                # A hub that cannot be reached is not asked again for every preset.
                self.data_identities[task] = error
        identity = self.data_identities[task]
        if isinstance(identity, UsageError):
            raise identity
        return identity

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

    def identity(self, model_fingerprint: str, task: str, preset: str) -> dict[str, Any]:
        """Return everything that changes a cell's results: settings, content of the model, versions."""
        found = get_task(self.registry, task)
        entry = found.entry
        dense = preset == DENSE
        spec = self.spec
        packages = {"sparse-hub", "torch", "transformers", entry.provenance.distribution}
        content: dict[str, Any] = {
            "model": model_fingerprint,
            "task": task,
            "benchmark_version": entry.version,
            "data": self.data_identity(task),
            "validation": spec.validation.model_dump(mode="json"),
            "seed": spec.seed,
            "device": self.device,
            "dtype": self.dtype,
            "extra_metrics": self.extra_metrics(found.subset),
            "code": {"core": core_digest(), "benchmark": code_digest(entry.load())},
        }
        if not dense:
            optimizer = create_optimizer(self.stacks[preset], self.class_names)
            for kind, name in (("search_algorithms", spec.search_algorithm), ("objectives", spec.objective)):
                used = self.registry.get(getattr(self.registry, kind), name)
                packages.add(used.provenance.distribution)
                content["code"][kind] = code_digest(used.load())
            packages |= {self._distribution(entry) for entry in self.stacks[preset]} - {None}
            content["search"] = spec.search.model_dump(mode="json")
            content["num_samples"] = spec.num_samples
            content["algorithm"], content["scheduler"] = spec.search_algorithm, spec.scheduler
            content["objective"] = spec.objective
            content["stack"] = [
                [prefix, _parameters(entry), code_digest(entry)]
                for prefix, entry in zip(optimizer.prefixes, optimizer.stack, strict=True)
            ]
            content["space"] = repr(optimizer.create_search_space(task))
        content["versions"] = {name: _version(name) for name in sorted(packages)}
        return content

    def _distribution(self, entry: StackEntry) -> Any:
        name = masker_name(self.registry, entry if isinstance(entry, type) else type(entry))
        return None if name is None else self.registry.get(self.registry.maskers, name).provenance.distribution


@cache
def _version(distribution: str) -> str:
    return importlib_metadata.version(distribution)


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


def registered_configurations(registry: Registry) -> RunConfigurations:
    """Return everything that is registered; a preset that cannot be loaded is left out until it is asked for."""
    stacks: dict[str, list[StackEntry]] = {}
    for entry in registry.presets:
        try:
            stacks[entry.name] = preset_stack(registry, entry)
        except UsageError:
            continue
    return RunConfigurations(
        models=[entry.name for entry in registry.models],
        benchmarks=[task for entry in registry.benchmarks for task in entry.tasks],
        masker_config_presets=stacks,
    )


def build_matrix(spec: Spec, registry: Registry, configurations: RunConfigurations | None = None) -> Matrix:
    """Check every name of a spec and look it up.

    Raises:
        UsageError: A name is unknown, or belongs to a broken plugin.
    """
    from sparse_hub_core.models.loading import choose_device, choose_dtype

    given = configurations or RunConfigurations(models=[], benchmarks=[], masker_config_presets={})
    every = given
    if configurations is None and not (spec.models and spec.benchmarks and spec.presets):
        every = registered_configurations(registry)
    models = spec.models or tuple(every["models"])
    tasks = spec.benchmarks or tuple(every["benchmarks"])
    presets = spec.presets or tuple(every["masker_config_presets"])
    sources = tuple(resolve_model(registry, name) for name in dict.fromkeys(models))
    _check_names(sources)
    tasks = tuple(dict.fromkeys(_task(registry, spec, task).name for task in tasks))
    check_folders(spec.data, registry)
    stacks = {name: _stack(registry, given, name) for name in dict.fromkeys(presets)}
    registry.get(registry.search_algorithms, spec.search_algorithm)
    registry.get(registry.objectives, spec.objective)
    for name, stack in stacks.items():
        _check_stack(name, stack, tasks)
    device = choose_device(spec.device)
    matrix = Matrix(registry, spec, sources, tasks, stacks, device, choose_dtype(spec.dtype, device))
    _check_extra_metrics(matrix)
    return matrix


def _task(registry: Registry, spec: Spec, name: str) -> Task:
    task = get_task(registry, name)
    return replace(task, is_sample=task.is_sample or (spec.data.sample and not task.subset.generated))


def _check_extra_metrics(matrix: Matrix) -> None:
    """Check that the extra metrics that were asked for are some task's, and can be computed.

    Raises:
        UsageError: One is not, or cannot.
    """
    subsets = {task: get_task(matrix.registry, task).subset for task in matrix.tasks}
    offered = {name for subset in subsets.values() for name in subset.extra_metrics}
    for name in matrix.spec.extra_metrics:
        if name not in offered:
            having = [entry.name for entry in matrix.registry.benchmarks if name in entry.extra_metrics]
            known = f"it is one of {', '.join(having)}." if having else did_you_mean(name, offered)
            raise UsageError(f"No task of this run has the extra metric {name!r}: {known}")
    for task, subset in subsets.items():
        wanted = matrix.extra_metrics(subset)
        if wanted:
            get_task(matrix.registry, task).entry.load()(None, wanted).check_metrics()


def _check_names(sources: Sequence[ModelSource]) -> None:
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two of the models are called {name!r}, and would share a folder; run them one by one.")


def _stack(registry: Registry, given: RunConfigurations, name: str) -> Sequence[StackEntry]:
    if name in given["masker_config_presets"]:
        return given["masker_config_presets"][name]
    return preset_stack(registry, registry.get(registry.presets, name))


def _check_stack(name: str, stack: Sequence[StackEntry], tasks: Sequence[str]) -> None:
    if not stack and name != DENSE:
        raise UsageError(f"The preset {name!r} has no masker, so it would read no key; add one.")
    # A space that names what is no field, or a value that is no domain, is better found before the model is loaded.
    for task in tasks:
        create_optimizer(stack).create_search_space(task)


def places(matrix: Matrix) -> list[tuple[Any, str, str]]:
    """Return (model, task, preset) of every cell, in the order in which they run; dense comes first."""
    presets = [DENSE, *(name for name in matrix.stacks if name != DENSE)]
    return [(model, task, preset) for model in matrix.models for task in matrix.tasks for preset in presets]


def length_notes(matrix: Matrix, stages: tuple[StageName, ...] = ("search", "validate")) -> list[str]:
    """Return a sentence for each model that is to read more than it knows."""
    from sparse_hub_core.models.loading import known_length

    notes = []
    lengths = {"search": matrix.spec.search.max_context_length, "validate": matrix.spec.validation.max_context_length}
    longest = max(lengths[stage] for stage in stages)
    for model in matrix.models:
        known = known_length(model)
        if known is not None and known < longest:
            notes.append(
                f"The model {model.name!r} knows sequences of up to {known} tokens; scores at {longest} tokens may say "
                "more about that than about the attention."
            )
    return notes


def debug_presets(registry: Registry) -> tuple[str, ...]:
    """Return the presets of a debug run: MagicPIG's where its plugin is installed, else exact top-k."""
    names = {entry.name for entry in registry.presets}
    return tuple(name if name in names else DEBUG_FALLBACK for name in DEBUG_PRESETS)
