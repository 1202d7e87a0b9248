"""The ``list-*`` commands: what plugins offer, as a table or as JSON, without importing any of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import click

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Entry, Registry
from sparse_hub_core.report.text import write_table

Records: TypeAlias = list[dict[str, Any]]


def _common(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "distribution": entry.provenance.distribution, "summary": entry.summary}


def masker_records(registry: Registry) -> Records:
    """Return one record per masker."""
    return [_common(entry) | {"role": entry.role, "paper": entry.paper} for entry in registry.maskers]


def preset_records(registry: Registry) -> Records:
    """Return one record per preset."""
    return [_common(entry) | {"maskers": list(entry.maskers)} for entry in registry.presets]


def benchmark_records(registry: Registry) -> Records:
    """Return one record per task."""
    return [
        _common(entry)
        | {
            "summary": subset.summary or entry.summary,
            "task": f"{entry.name}/{subset.name}",
            "metric": subset.metric,
            "higher_is_better": subset.higher_is_better,
            "score_range": list(subset.score_range),
            "other_metrics": list(subset.other_metrics),
            "extra_metrics": list(subset.extra_metrics),
            "licence": subset.licence,
            "generated": subset.generated,
            "typical_length": subset.typical_length,
            "version": entry.version,
        }
        for entry in registry.benchmarks
        for subset in entry.subsets
    ]


def model_records(registry: Registry) -> Records:
    """Return one record per named model."""
    return [
        _common(entry)
        | {"source": entry.ref, "revision": entry.revision, "max_context_length": entry.max_context_length}
        for entry in registry.models
    ]


def algorithm_records(registry: Registry) -> Records:
    """Return one record per search algorithm."""
    return [_common(entry) for entry in registry.search_algorithms]


def objective_records(registry: Registry) -> Records:
    """Return one record per objective."""
    return [_common(entry) for entry in registry.objectives]


def write_records(records: Records, columns: tuple[str, ...], as_json: bool) -> None:
    """Write records as a JSON array, or some of their keys as a table."""
    if as_json:
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))
        return
    write_table([column.replace("_", " ") for column in columns], [[_cell(r[c]) for c in columns] for r in records])


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _listing(name: str, records: Callable[[Registry], Records], columns: tuple[str, ...], what: str) -> click.Command:
    @click.command(name, help=f"List {what}.")
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
    def command(as_json: bool) -> None:
        write_records(records(load_registry()), columns, as_json)

    return command


list_presets = _listing(
    "list-presets",
    preset_records,
    ("name", "maskers", "distribution", "summary"),
    "the stacks of maskers that can be searched",
)
list_maskers = _listing(
    "list-maskers",
    masker_records,
    ("name", "role", "distribution", "summary"),
    "the sparse attention methods",
)
list_benchmarks = _listing(
    "list-benchmarks",
    benchmark_records,
    ("task", "metric", "higher_is_better", "generated", "typical_length", "licence", "distribution", "summary"),
    "the tasks, as benchmark/subset",
)
list_models = _listing(
    "list-models",
    model_records,
    ("name", "max_context_length", "distribution", "summary"),
    "the models that have a name; local folders and hub ids work without one",
)
list_search_algorithms = _listing(
    "list-search-algorithms",
    algorithm_records,
    ("name", "distribution", "summary"),
    "the ways to propose configurations",
)
list_objectives = _listing(
    "list-objectives", objective_records, ("name", "distribution", "summary"), "what a search can minimise"
)
