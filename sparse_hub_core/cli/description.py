"""What ``describe`` says of each kind of thing, as lines of text."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from sparse_hub_core.lookup import Task, masker_name
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.optimizer_factory import create_optimizer
from sparse_hub_core.presets import DENSE, preset_stack
from sparse_hub_core.registry import (
    BenchmarkEntry,
    Entry,
    MaskerEntry,
    ModelEntry,
    PresetEntry,
    Registry,
    SearchAlgorithmEntry,
    Subset,
    Table,
)
from sparse_hub_core.report.text import plain_table
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.algorithm_options import options_of
from sparse_hub_core.space import Choice, Domain, from_ray

_SYMBOLS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


def describe_entry(registry: Registry, table: Table[Any], entry: Entry, task: str | None) -> str:
    """Return what is known of an entry, its search space on one task or on all; imports what it refers to."""
    lines = [f"{table.kind} {entry.name}", f"  {entry.summary}", ""]
    lines += [f"  {label + ':':<14}{value}" for label, value in _facts(entry).items() if value]
    if isinstance(entry, PresetEntry):
        lines += _preset(registry, entry, task)
    elif not isinstance(entry, ModelEntry):
        thing = entry.load()
        # A masker's docstring says what it costs and keeps, which who chooses one wants to know.
        text = own_docstring(thing) if isinstance(entry, MaskerEntry) else first_paragraph(thing)
        lines += ["", *(f"  {line}".rstrip() for line in text.splitlines())] if text else []
        if isinstance(entry, MaskerEntry):
            lines += _masker(registry, thing, task)
        elif isinstance(entry, SearchAlgorithmEntry):
            lines += _options(thing)
    return "\n".join(lines)


def describe_task(task: Task) -> str:
    """Return what is known of a task; imports its benchmark for where the data lies."""
    subset, origin = task.subset, task.entry.provenance
    lines = [f"task {task.name}", f"  {subset.summary or task.entry.summary}", ""]
    facts = {
        "from": f"{origin.distribution} {origin.version}, plugin {origin.plugin}, version {task.entry.version}",
        "metric": _metric(subset),
        "also": ", ".join(subset.other_metrics),
        "with a flag": ", ".join(f"--extra-metric {name}" for name in subset.extra_metrics),
        "data": _data(task),
        "columns": _columns(task),
        "length": "any" if subset.typical_length is None else f"about {subset.typical_length} tokens",
        "licence": subset.licence,
    }
    lines += [f"  {label + ':':<14}{value}" for label, value in facts.items() if value]
    return "\n".join(lines)


def _metric(subset: Subset) -> str:
    low, high = subset.score_range
    return f"{subset.metric}, {low:g} to {high:g}, {'higher' if subset.higher_is_better else 'lower'} is better"


def _columns(task: Task) -> str:
    dataset = task.entry.load()().dataset(task.subset.name)
    return ", ".join(dataset.columns) if dataset else ""


def _data(task: Task) -> str:
    if task.is_sample:
        return "an offline sample of the benchmark's own making, in its schema; not the benchmark"
    dataset = task.entry.load()().dataset(task.subset.name)
    if task.subset.generated or dataset is None:
        return "generated at any length"
    where = f"{dataset.repository}, {dataset.config}, {dataset.split}, revision {dataset.revision}"
    return f"{where}; without the hub --data-folder {task.entry.name}=DIR or {task.name}@sample"


def _facts(entry: Entry) -> dict[str, str]:
    origin = entry.provenance
    facts = {"from": f"{origin.distribution} {origin.version}, plugin {origin.plugin}"}
    if isinstance(entry, MaskerEntry):
        facts |= {"role": entry.role, "paper": entry.paper or ""}
    elif isinstance(entry, SearchAlgorithmEntry):
        facts["needs"] = ", ".join(entry.packages)
    elif isinstance(entry, BenchmarkEntry):
        facts["version"] = entry.version
        facts["metric"] = "; ".join(dict.fromkeys(_metric(subset) for subset in entry.subsets))
        facts["licence"] = ", ".join(dict.fromkeys(subset.licence for subset in entry.subsets))
        facts["tasks"] = ", ".join(entry.tasks)
    elif isinstance(entry, ModelEntry):
        facts |= {"source": str(entry.ref), "revision": entry.revision or ""}
        facts["length"] = f"{entry.max_context_length} tokens" if entry.max_context_length else ""
    return facts


def _masker(registry: Registry, config_class: type[MaskerConfig], task: str | None) -> list[str]:
    hints = get_type_hints(config_class, include_extras=True)
    rows = [(f.name, type_text(hints[f.name]), _default(f)) for f in dataclasses.fields(config_class)]
    if not rows:
        return ["", "  It has no fields."]
    lines = _titled("Fields", ("field", "type and range", "default"), rows)

    def space_of(on: str) -> dict[str, Domain]:
        return {name: from_ray(domain) for name, domain in config_class.get_search_space(on).items()}

    return lines + _space(registry, space_of, task)


def _options(algorithm: type[SearchAlgorithm]) -> list[str]:
    rows = [(one.name, type_text(one.type), repr(one.default)) for one in options_of(algorithm).values()]
    if not rows:
        return ["", "  It has no options."]
    return _titled("Options, --search-option NAME=VALUE", ("option", "type and range", "default"), rows)


def _preset(registry: Registry, entry: PresetEntry, task: str | None) -> list[str]:
    if entry.name == DENSE or not entry.ref:
        return ["", "  No masker: every key is read. It is validated, not searched."]
    stack = preset_stack(registry, entry)
    classes = [part if isinstance(part, type) else type(part) for part in stack]
    names = {config_class: masker_name(registry, config_class) or config_class.__name__ for config_class in classes}
    rows = [
        (names[config_class], "fixed: " + repr(part) if isinstance(part, MaskerConfig) else "searched")
        for config_class, part in zip(classes, stack, strict=True)
    ]
    registered = {c: name for c, name in names.items() if masker_name(registry, c)}
    space_of = create_optimizer(stack, registered).create_search_space
    lines = _titled("Maskers, in the order in which they add keys", ("masker", "how"), rows)
    return lines + _space(registry, space_of, task)


def _space(registry: Registry, space_of: Callable[[str], Mapping[str, Domain]], task: str | None) -> list[str]:
    """Return the search space on a task; without one, that of all tasks, or of the first where they differ."""
    tasks = [task] if task else [name for entry in registry.benchmarks for name in entry.tasks]
    spaces = {name: space_of(name) for name in tasks or [""]}
    first, space = next(iter(spaces.items()))
    others = len(tasks) > 1 and any(other != space for other in spaces.values())
    place = f" on {first}, --task shows it on others" if others else f" on {task}" if task else ""
    if not space:
        return ["", "  Nothing is searched."]
    rows = [(name, domain_text(domain)) for name, domain in space.items()]
    return _titled(f"Search space{place}", ("parameter", "values"), rows)


def _titled(title: str, columns: tuple[str, ...], rows: list[Any]) -> list[str]:
    return ["", f"  {title}:", *(f"    {line}" for line in plain_table(columns, rows).splitlines())]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    return "none, must be given" if field.default_factory is dataclasses.MISSING else repr(field.default_factory())


def domain_text(domain: Domain) -> str:
    """Return a domain in words."""
    if isinstance(domain, Choice):
        return "one of " + ", ".join(map(repr, domain.options))
    kind = "whole numbers" if isinstance(domain.low, int) else "real numbers"
    return f"{kind} from {domain.low} to {domain.high}{', log-uniform' if domain.log else ''}"


def type_text(annotation: Any) -> str:
    """Return a field's type with its range, such as "int >= 1"."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return " ".join([type_text(parts[0]), ", ".join(filter(None, map(_bound, parts[1:])))]).strip()
    if origin in (Union, types.UnionType):
        return " or ".join(type_text(part) for part in parts)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, parts))
    if origin is tuple and parts[-1] is Ellipsis:
        return f"tuple[{type_text(parts[0])}, ...]"
    if annotation is type(None):
        return "None"
    return annotation.__name__ if isinstance(annotation, type) and not parts else str(annotation)


def _bound(constraint: Any) -> str:
    bounds = [f"{sign} {getattr(constraint, name)}" for name, sign in _SYMBOLS.items() if hasattr(constraint, name)]
    return ", ".join(bounds) or repr(constraint)


def first_paragraph(thing: Any) -> str:
    """Return the first paragraph of a class's or function's own docstring."""
    return re.split(r"\n\s*\n", own_docstring(thing))[0]


def own_docstring(thing: Any) -> str:
    """Return a class's or function's own docstring."""
    documented = isinstance(thing, type) or inspect.isroutine(thing)
    text = inspect.cleandoc(thing.__doc__ or "") if documented else ""
    # A dataclass without a docstring is given its signature for one.
    return "" if text.startswith(f"{getattr(thing, '__name__', '')}(") else text
