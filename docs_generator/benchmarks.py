"""The page of the benchmarks: what each one registered of its tasks, and where their data comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from docs_generator.markdown import code, codes, facts, page, prose, sentence, table
from sparse_hub_core.benchmark import Benchmark
from sparse_hub_core.registry import BenchmarkEntry, Registry, Subset

SHORT_COMMIT = 12

INTRODUCTION = """
Every task of this repository, made of what its benchmark declares; `sparse-hub list-benchmarks` and
`sparse-hub describe longbench/hotpotqa` print the same, of any installed one, with the columns of the data.
Data is named as it lies on the hub; it may also come from a folder or from the offline sample, as
[Benchmarks](../benchmarks.md) says. [Metrics](../metrics.md) tells how each score was held against the official code.
""".strip()


def benchmarks_page(registry: Registry, packages: Mapping[str, str]) -> str:
    """Return the page."""
    rows = [
        (
            f"[{entry.name}](#{entry.name})",
            str(len(entry.subsets)),
            sentence(prose(entry.summary)),
            entry.provenance.distribution,
        )
        for entry in registry.benchmarks
    ]
    parts = [table(("benchmark", "tasks", "what it asks", "package"), rows)]
    for entry in registry.benchmarks:
        parts += _section(entry, packages)
    return page("Every benchmark", INTRODUCTION, *parts)


def _section(entry: BenchmarkEntry, packages: Mapping[str, str]) -> Iterator[str]:
    benchmark: Benchmark = entry.load()()
    told = {
        "metric": [code(subset.metric) for subset in entry.subsets],
        "range": [_range(subset) for subset in entry.subsets],
        "further metrics": [codes(subset.other_metrics) for subset in entry.subsets],
        "on request": [codes(subset.extra_metrics) for subset in entry.subsets],
        "typical length": [_length(subset) for subset in entry.subsets],
        "data": [_data(benchmark, subset) for subset in entry.subsets],
        "licence": [prose(subset.licence) for subset in entry.subsets],
    }
    shared = {label: values[0] for label, values in told.items() if len(set(values)) == 1}
    own = {label: values for label, values in told.items() if label not in shared}
    yield f"## {entry.name}"
    yield sentence(prose(entry.summary))
    yield facts(
        [
            ("From", f"{entry.provenance.distribution}, {packages[entry.provenance.distribution]}"),
            ("Version", entry.version),
            *((label.capitalize(), value) for label, value in shared.items()),
        ]
    )
    rows = [
        (code(f"{entry.name}/{subset.name}"), sentence(prose(subset.summary or entry.summary)), *values)
        for subset, *values in zip(entry.subsets, *own.values(), strict=True)
    ]
    yield table(("task", "what it asks", *own), rows)


def _range(subset: Subset) -> str:
    low, high = subset.score_range
    return f"{low:g} to {high:g}, {'higher' if subset.higher_is_better else 'lower'} is better"


def _length(subset: Subset) -> str:
    if subset.typical_length is None:
        return "any"
    return f"about {subset.typical_length:,} tokens"


def _data(benchmark: Benchmark, subset: Subset) -> str:
    """Return where the rows of a subset come from; every place but the hub is the same for all."""
    dataset = None if subset.generated else benchmark.dataset(subset.name)
    if dataset is None:
        return "generated"
    is_commit = re.fullmatch(r"[0-9a-f]{40}", dataset.revision)
    return f"`{dataset.repository}` at `{dataset.revision[:SHORT_COMMIT] if is_commit else dataset.revision}`"
