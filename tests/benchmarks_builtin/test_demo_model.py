"""The demo model does what its card says: it finds needles densely, and loses them when their keys are not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sparse_hub_benchmarks_builtin
from sparse_hub_core import get_benchmark, get_masker_config
from sparse_hub_core.evaluation import evaluate
from sparse_hub_core.models.loading import load_model
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.preparation import prepare_requests

FOLDER = Path(sparse_hub_benchmarks_builtin.__file__).parent / "demo_model"
SINK, LOCAL = get_masker_config("sink")(sink_size=4), get_masker_config("local")(window_size=64)
STACKS = {
    "dense": (None, 80, 100),
    "sink and local": ([SINK, LOCAL], 0, 20),
    "exact top-k 5%": ([SINK, LOCAL, get_masker_config("oracle_top_k")(heavy_size=0.05)], 80, 100),
}


@pytest.fixture(scope="module")
def demo():
    registry = load_registry()
    loaded = load_model(resolve_model(registry, "demo"))
    requests = prepare_requests(
        get_benchmark("ruler"), "ruler/niah_single_1", loaded.tokenizer, "validation", 768, 10, 1
    )
    return loaded, requests


@pytest.mark.parametrize("name", STACKS)
def test_a_needle_is_found_only_where_its_keys_are_read(demo, name):
    configs, low, high = STACKS[name]
    reports = list(evaluate(demo[0], get_benchmark("ruler"), demo[1], configs, 8))
    score = sum(report.questions[0].score for report in reports) / len(reports)
    assert low <= score <= high


def test_the_card_ships_with_the_model():
    card = json.loads((FOLDER / "card.json").read_text())
    assert card
    assert "Measured" in (FOLDER / "README.md").read_text()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 16 << 20
