"""What a run was made with: its settings, versions and hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparse_hub_core.report.page_table import Table
from sparse_hub_core.search.budget import Budget

if TYPE_CHECKING:
    from sparse_hub_core.report.files import RunFiles
    from sparse_hub_core.results.schema import Best
    from sparse_hub_core.spec import Spec


def settings(run: RunFiles) -> Table | None:
    """Return what was asked for, or None where it is not known."""
    spec = run.spec
    if spec is None or run.run is None:
        return None
    rows = [
        ("status", run.status),
        ("seconds", "-" if run.run.seconds is None else f"{run.run.seconds:.0f}"),
        ("models", _list(spec.models) or "all registered"),
        ("tasks", _list(spec.benchmarks) or "all registered"),
        ("presets", _list(spec.presets) or "all registered"),
        ("samples per search", str(spec.num_samples)),
        ("search algorithm", _with_options(spec)),
        ("scheduler", spec.scheduler),
        ("fidelity", spec.fidelity),
        ("objective", spec.objective),
        ("budget", budget_words(spec)),
        ("warm start", _list(spec.warm_start) or "none"),
        ("seed", str(spec.seed)),
        ("search", _stage(spec.search.model_dump())),
        ("validation", _stage(spec.validation.model_dump())),
    ]
    return Table("Settings", ("setting", "value"), tuple(rows))


def environment(run: RunFiles) -> Table | None:
    """Return hardware and versions, or None where they are not known."""
    if run.run is None:
        return None
    dtype = next((best.dtype for best in _bests(run)), None)
    rows = [(name.replace("_", " "), str(value)) for name, value in sorted(run.run.hardware.items())]
    rows += [("dtype", dtype)] if dtype else []
    rows += sorted(run.run.versions.items())
    return Table("Hardware and versions", ("what", "which"), tuple(rows))


def models(run: RunFiles) -> Table | None:
    """Return where the models and the data came from, or None where no winner tells."""
    rows = dict.fromkeys(
        (best.model, best.model_source, best.model_revision or "-", best.task, best.data) for best in _bests(run)
    )
    if not rows:
        return None
    return Table("Models and data", ("model", "source", "revision", "task", "data"), tuple(rows))


def budget(spec: Spec | None) -> Budget | None:
    """Return what a winner may read, or None where there is no limit for all of them."""
    if spec is None or (spec.max_density is None and spec.max_io_density is None):
        return None
    return Budget(spec.max_density, spec.max_io_density)


def budget_words(spec: Spec) -> str:
    """Return the limits in words."""
    told = [
        f"{name} at most {100 * limit:.4g}%"
        for name, limit in (("density", spec.max_density), ("I/O density", spec.max_io_density))
        if limit is not None
    ]
    if spec.objective == "pareto":
        told.append("a winner at each density of " + ", ".join(f"{100 * one:.4g}%" for one in spec.densities))
    return "; ".join(told) or "none"


def _bests(run: RunFiles) -> list[Best]:
    return [cell.best for cell in run.cells if cell.best is not None]


def _with_options(spec: Spec) -> str:
    options = ", ".join(f"{name}={value}" for name, value in spec.search_options.items())
    return f"{spec.search_algorithm} ({options})" if options else spec.search_algorithm


def _stage(values: dict[str, Any]) -> str:
    return (
        f"{values['max_requests']} requests, contexts of up to {values['max_context_length']} tokens, "
        f"{values['max_new_tokens']} new tokens, {values['timeout']:g} s"
    )


def _list(values: tuple[str, ...]) -> str:
    return ", ".join(values)
