"""The whole run: for every cell of the matrix, search under light settings, then validate the best thoroughly."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from sparse_hub_core.build_matrix import (
    RunConfigurations,
    build_matrix,
    debug_presets,
    length_notes,
    places,
    registered_configurations,
)
from sparse_hub_core.determinism import not_deterministic, repeat_sentence
from sparse_hub_core.errors import SparseHubError, UsageError
from sparse_hub_core.finish_hooks import FinishHooks
from sparse_hub_core.matrix import Cell, Matrix, Plan, StageName
from sparse_hub_core.models.source import ModelSource
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.progress import Progress, Several
from sparse_hub_core.registry import Registry
from sparse_hub_core.results.files import content_hash, read_json, write_json
from sparse_hub_core.results.resumed import resumed_sentence
from sparse_hub_core.results.schema import Best, RunFile, SummaryFile
from sparse_hub_core.results.summary import SummaryWriter
from sparse_hub_core.spec import Spec

__all__ = [
    "Cell",
    "Plan",
    "debug_presets",
    "execute_full_benchmark",
    "get_run_configurations",
    "plan",
    "run_matrix",
]


def get_run_configurations(registry: Registry | None = None) -> RunConfigurations:
    """Return all registered models, tasks and presets; what is added to the dict is run like the rest."""
    return registered_configurations(registry or load_registry())


def plan(
    spec: Spec,
    registry: Registry,
    configurations: RunConfigurations | None = None,
    stages: tuple[StageName, ...] = ("search", "validate"),
) -> Plan:
    """Return what a run would do, and how far an earlier one got, without starting anything.

    Raises:
        UsageError: A name of the spec is unknown, or belongs to a broken plugin.
    """
    from sparse_hub_core.models.fingerprint import fingerprint
    from sparse_hub_core.search_plan import ladder_sentences

    matrix = build_matrix(spec, registry, configurations)
    without_data = _tasks_without_data(matrix)
    fingerprint_of = cache(fingerprint)
    cells = tuple(
        _cell(matrix, fingerprint_of, *place, has_data=place[1] not in without_data) for place in places(matrix, stages)
    )
    begun = (cell.note for cell in cells if cell.note)
    notes = (*ladder_sentences(matrix), *begun, *length_notes(matrix, stages), *_by_benchmark(without_data))
    return Plan(matrix.directory.run_id, matrix.directory.path, cells, notes)


def _tasks_without_data(matrix: Matrix) -> dict[str, str]:
    """Return the tasks whose data cannot be had, and why."""
    reasons = {}
    for task in matrix.tasks:
        try:
            matrix.data_identity(task)
        except UsageError as error:
            reasons[task] = str(error)
    return reasons


def _by_benchmark(reasons: Mapping[str, str]) -> list[str]:
    """Return a sentence per benchmark that has tasks without data."""
    missing: dict[str, list[str]] = {}
    for task, reason in reasons.items():
        missing.setdefault(task.partition("/")[0], []).append(f"{task}: {reason}")
    return [
        sentences[0] + (f" {len(sentences) - 1} more of its tasks have no data either." if len(sentences) > 1 else "")
        for sentences in missing.values()
    ]


def execute_full_benchmark(
    spec: Spec,
    registry: Registry | None = None,
    configurations: RunConfigurations | None = None,
    progress: Progress | None = None,
    stages: tuple[StageName, ...] = ("search", "validate"),
) -> SummaryFile:
    """Search and validate every cell, going on where an earlier run of the same spec stopped.

    Args:
        spec: What to run.
        registry: What is installed; looked up when not given.
        configurations: Models, tasks and presets to go through instead of the registered ones.
        progress: Who is told of every step.
        stages: The stages to run.

    Raises:
        UsageError: A name of the spec is unknown, or another process writes to the run's folder.
        KeyboardInterrupt: The user stopped the run; what it finished is kept.
    """
    return run_matrix(build_matrix(spec, registry or load_registry(), configurations), progress or Progress(), stages)


def _cell(
    matrix: Matrix,
    fingerprint: Callable[[ModelSource], str],
    model: ModelSource,
    task: str,
    preset: str,
    has_data: bool,
) -> Cell:
    directory = matrix.cell_directory(model, task, preset)
    names = tuple(
        (entry if isinstance(entry, type) else type(entry)).__name__ for entry in matrix.stacks.get(preset, ())
    )
    known = {config_class.__name__: name for config_class, name in matrix.class_names.items()}
    maskers = tuple(known.get(name, name) for name in names)
    if not has_data:
        return Cell(model.name, task, preset, maskers, "no data")
    found = directory.found(content_hash(matrix.identity(fingerprint(model), task, preset)))
    if found is None:
        return Cell(model.name, task, preset, maskers, "new")
    status = found.status()
    note = resumed_sentence(found.read_trials(), task, preset) if status == "begun" else None
    return Cell(model.name, task, preset, maskers, status, note)


def _earlier(path: Path) -> RunFile | None:
    """Return what an earlier process wrote of this run."""
    return read_json(path, RunFile) if path.exists() else None


def run_matrix(
    matrix: Matrix, progress: Progress, stages: tuple[StageName, ...], best: Best | None = None
) -> SummaryFile:
    """Run the cells of a matrix, and write down how they end.

    Args:
        matrix: What to run.
        progress: Who is told of every step.
        stages: The stages to run.
        best: The configuration to validate in place of a search.
    """
    from sparse_hub_core.environment import hardware, versions
    from sparse_hub_core.report.html import write_report
    from sparse_hub_core.run_cells import run_cells

    begin = time.time()
    directory = matrix.directory
    learns = matrix.registry.get(matrix.registry.search_algorithms, matrix.spec.search_algorithm).load().learns
    does = stages if matrix.searched else tuple(stage for stage in stages if stage != "search")
    may_differ = not_deterministic(matrix.spec, does, matrix.device, learns)
    notes = [*length_notes(matrix, stages), repeat_sentence(may_differ)]
    with directory.locked():
        earlier = _earlier(directory.run_file)
        kept = SummaryWriter(directory)
        hooks = FinishHooks(matrix.registry.finish_hooks, directory, progress.note)
        for note in notes:
            progress.note(note)
        run_file = RunFile(
            spec=matrix.spec.model_dump(mode="json"),
            seed=matrix.spec.seed,
            versions=versions(matrix.registry),
            hardware=hardware(matrix.device),
            not_deterministic=may_differ,
            status="running",
            started=(earlier and earlier.started) or begin,
        )
        write_json(directory.run_file, run_file)
        status: Literal["done", "failed", "interrupted"] = "interrupted"
        try:
            cells = run_cells(matrix, Several(kept, progress, hooks), stages, best)
            summary = SummaryFile(run_id=directory.run_id, cells=cells)
            status = "failed" if any(cell.status == "failed" for cell in summary.cells) else "done"
        except SparseHubError:
            status = "failed"
            raise
        finally:
            seconds = ((earlier and earlier.seconds) or 0.0) + time.time() - begin
            ended = run_file.model_copy(update={"status": status, "seconds": seconds})
            write_json(directory.run_file, ended)
            write_report(directory.path, kept.summary)
    return summary


if __name__ == "__main__":
    from sparse_hub_core.cli.main import main

    raise SystemExit(main(["run", *sys.argv[1:]]))
