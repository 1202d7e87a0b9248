"""What a run knows of a task's data: by whose name, where from, and whether it stayed as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count

import pytest

from sparse_hub_core import (
    Benchmark,
    DataError,
    HubDataset,
    Question,
    Request,
    UsageError,
    build_spec,
    group_by_context,
)
from sparse_hub_core.build_matrix import build_matrix
from sparse_hub_core.execute_full_benchmark import plan
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.preparation import prepare_requests
from sparse_hub_core.registry import BenchmarkEntry, Provenance, Subset


class Books(Benchmark):
    def dataset(self, subset):
        return HubDataset("nobody/books", subset, columns=("context", "answer"))

    def requests(self, subset, lengths, seed):
        return group_by_context(
            subset, self.rows(subset), lambda row: (row["context"], Question("?", (row["answer"],)))
        )

    def score(self, prediction, question):
        return 0.0


class Breaks(Books):
    def dataset(self, subset):
        raise ValueError("no such shelf")


class Takes(Books):
    def __init__(self):
        super().__init__()


class Repeats(Books):
    def dataset(self, subset):
        return None

    def requests(self, subset, lengths, seed):
        questions = () if subset == "silent" else (Question("?", ("x",)),)
        return (Request("same", f"text {index}", questions) for index in count())


@pytest.fixture
def registry():
    registry = load_registry()
    for name, thing, distribution in (
        *(("books", Books, "pytest"), ("books", Repeats, "hypothesis")),
        *(("breaks", Breaks, "pytest"), ("takes", Takes, "pytest")),
    ):
        subsets = tuple(Subset(subset, "f1") for subset in ("qa", "silent"))
        entry = BenchmarkEntry(name, thing, "s", Provenance("p", distribution, "1"), subsets)
        registry.benchmarks.add(entry)
    return registry


@pytest.fixture
def folder(tmp_path):
    rows = [{"context": f"text {index}", "answer": "a"} for index in range(20)]
    (tmp_path / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def matrix(registry, task, **data):
    spec = build_spec({"models": ("demo",), "benchmarks": (task,), "presets": ("local_sink",), "data": data})
    return build_matrix(spec, registry)


def test_a_benchmark_of_a_distribution_keeps_its_name(registry, folder):
    (task,) = matrix(registry, "pytest:books/qa", folder={"pytest:books": str(folder)}).tasks
    assert task == "pytest:books/qa"
    found = matrix(registry, "pytest:books/qa", folder={"pytest:books": str(folder)})
    assert type(found.benchmark(task)) is Books
    assert found.data_identity(task).startswith("folder qa ")
    assert type(matrix(registry, "hypothesis:books/qa").benchmark("hypothesis:books/qa")) is Repeats


def test_a_folder_that_changed_in_the_middle_of_a_run_is_told(registry, folder):
    found = matrix(registry, "pytest:books/qa", folder={"pytest:books": str(folder)})
    found.data_identity("pytest:books/qa")
    found.check_unchanged("pytest:books/qa")
    (folder / "qa.jsonl").write_text('{"context": "new", "answer": "b"}\n')
    with pytest.raises(DataError, match="changed while it was in use"):
        found.check_unchanged("pytest:books/qa")


@pytest.mark.parametrize(
    ("task", "sentence"),
    [("breaks/qa", "'breaks' of pytest 1 fails: ValueError: no such shelf"), ("takes/qa", "TypeError")],
)
def test_a_benchmark_that_fails_leaves_the_plan_of_the_others(registry, task, sentence):
    spec = build_spec({"models": ("demo",), "benchmarks": (task, "ruler/vt"), "presets": ("local_sink",)})
    planned = plan(spec, registry)
    assert [cell.status for cell in planned.cells if cell.task == task] == ["no data", "no data"]
    assert "no data" not in [cell.status for cell in planned.cells if cell.task == "ruler/vt"]
    assert any(sentence in note for note in planned.notes)


def test_results_of_other_data_have_another_identity(registry, folder):
    def identity():
        found = matrix(registry, "pytest:books/qa", folder={"pytest:books": str(folder)})
        return found.identity("model", "pytest:books/qa", "dense")

    before = identity()
    assert identity() == before
    (folder / "qa.jsonl").write_text('{"context": "new", "answer": "b"}\n')
    assert identity() != before


def test_extra_metrics_touch_only_the_tasks_that_have_them(registry):
    entry = registry.get(registry.benchmarks, "breaks")
    subset = Subset("qa", "f1", extra_metrics=("meteor",))
    registry.benchmarks.entries["scored"] = [replace(entry, name="scored", ref=Repeats, subsets=(subset,))]
    base = {"models": ("demo",), "benchmarks": ("scored/qa", "ruler/vt"), "presets": ("local_sink",)}
    plain, more = (build_matrix(build_spec(base | extra), registry) for extra in ({}, {"extra_metrics": ("meteor",)}))
    assert plain.directory == more.directory
    assert plain.identity("m", "ruler/vt", "dense") == more.identity("m", "ruler/vt", "dense")
    assert plain.identity("m", "scored/qa", "dense") != more.identity("m", "scored/qa", "dense")
    with pytest.raises(UsageError, match="No task of this run has the extra metric 'meteo': did you mean 'meteor'"):
        build_matrix(build_spec(base | {"extra_metrics": ("meteo",)}), registry)


@pytest.mark.parametrize(
    ("subset", "sentence"), [("qa", "3 requests with the id 'same'"), ("silent", "has no question")]
)
def test_requests_that_cannot_be_told_apart_are_refused(subset, sentence):
    from sparse_hub_core.models.loading import load_tokenizer
    from sparse_hub_core.models.source import resolve_model

    tokenizer = load_tokenizer(resolve_model(load_registry(), "demo"))
    with pytest.raises(DataError, match=sentence):
        prepare_requests(Repeats(), f"books/{subset}", tokenizer, "validation", 100, 3, 0)
