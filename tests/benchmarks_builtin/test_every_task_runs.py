"""Every registered task runs on the demo model, on its offline sample where it is not generated."""

from __future__ import annotations

import pytest

from sparse_hub_core import get_masker_config, get_model
from sparse_hub_core.build_matrix import build_matrix
from sparse_hub_core.evaluation import evaluate
from sparse_hub_core.lookup import get_task
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.preparation import prepare_requests
from sparse_hub_core.spec import build_spec

REGISTRY = load_registry()
TASKS = [task for entry in REGISTRY.benchmarks for task in entry.tasks]
LENGTH = 1400
"""Tokens of the demo model, whose tokenizer takes many for prose; enough for every generated task's smallest."""


@pytest.fixture(scope="module")
def demo():
    return get_model("demo")


@pytest.fixture(scope="module")
def matrix():
    flags = {"models": ("demo",), "presets": ("local_sink",), "data": {"sample": True}}
    return build_matrix(build_spec(flags), REGISTRY)


def test_a_run_without_names_goes_through_all_tasks(matrix):
    assert [task.removesuffix("@sample") for task in matrix.tasks] == TASKS


@pytest.mark.parametrize("task", TASKS)
def test_it_runs_densely_and_sparsely(demo, matrix, task):
    subset = get_task(REGISTRY, task).subset
    name = task if subset.generated else f"{task}@sample"
    benchmark = matrix.benchmark(name)
    requests = prepare_requests(benchmark, name, demo.tokenizer, "validation", LENGTH, 1, 0)
    assert requests[0].request.id.startswith("sample-") is not subset.generated
    stack = [get_masker_config("sink")(sink_size=4), get_masker_config("local")(window_size=32)]
    for configs in (None, stack):
        (report,) = evaluate(demo, benchmark, requests, configs, 2)
        low, high = subset.score_range
        for question in report.questions:
            assert question.score is None or low <= question.score <= high
            assert set(question.other_scores) == set(subset.other_metrics)
            assert question.num_tokens <= 2
