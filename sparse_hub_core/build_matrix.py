"""From a spec to the matrix of a run: every name checked and looked up before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypedDict

from sparse_hub_core.data.choice import check_folders
from sparse_hub_core.errors import UsageError, did_you_mean
from sparse_hub_core.lookup import Task, get_task
from sparse_hub_core.matrix import Matrix, StageName
from sparse_hub_core.models.source import ModelSource, resolve_model
from sparse_hub_core.optimizer_factory import StackEntry, create_optimizer
from sparse_hub_core.presets import DENSE, preset_stack
from sparse_hub_core.registry import Registry
from sparse_hub_core.search.algorithm_options import check_algorithm
from sparse_hub_core.search.target import targets
from sparse_hub_core.spec import Spec

DEBUG_PRESETS = ("local_sink", "sink_local_magic_pig")
DEBUG_FALLBACK = "sink_local_oracle_top_k"
MANY = 2
"""Trials at a time where it is not yet known how many there will be."""


class RunConfigurations(TypedDict):
    """What a run may go through: model names, tasks, and stacks by preset name."""

    models: list[str]
    benchmarks: list[str]
    masker_config_presets: dict[str, list[StackEntry]]


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
    algorithm = registry.get(registry.search_algorithms, spec.search_algorithm)
    check_algorithm(algorithm, spec.num_samples, spec.max_concurrent or MANY, spec.search_options)
    objective = registry.get(registry.objectives, spec.objective).load()
    for task in tasks:
        targets(objective, spec, get_task(registry, task).subset)
    for name, stack in stacks.items():
        _check_stack(name, stack, tasks)
    device = choose_device(spec.device)
    matrix = Matrix(registry, spec, sources, tasks, stacks, device, choose_dtype(spec.dtype, device))
    _check_extra_metrics(matrix)
    _check_warm_start(matrix)
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


def _check_warm_start(matrix: Matrix) -> None:
    """Check that some search can begin with one of the earlier winners that were named.

    Raises:
        UsageError: None can, or a path holds none.
    """
    if not matrix.earlier_winners:
        return
    if not any(matrix.warm_start(task, preset) for task in matrix.tasks for preset in matrix.searched):
        presets = ", ".join(dict.fromkeys(best.preset for best in matrix.earlier_winners))
        raise UsageError(
            f"No preset of this run can begin with the winners that --warm-start names, which are those of {presets}: "
            "their parameters are not in its search space."
        )


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


def places(matrix: Matrix, stages: tuple[StageName, ...]) -> list[tuple[Any, str, str]]:
    """Return (model, task, preset) of every cell, as they run; dense is first, where winners are judged."""
    presets = (DENSE, *matrix.searched) if "validate" in stages else matrix.searched
    return [(model, task, preset) for model in matrix.models for task in matrix.tasks for preset in presets]


def length_notes(matrix: Matrix, stages: tuple[StageName, ...] = ("search", "validate")) -> list[str]:
    """Return a sentence for each model that is to read more than it knows."""
    from sparse_hub_core.models.loading import known_length

    notes = []
    lengths = {"search": matrix.spec.search.max_context_length, "validate": matrix.spec.validation.max_context_length}
    longest = max((lengths[stage] for stage in stages if stage == "validate" or matrix.searched), default=0)
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
