from __future__ import annotations

import pytest

from sparse_hub_core.fidelity import Measures
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Subset
from sparse_hub_core.search.objectives import BenchmarkScore
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.winner import Finalist, choose


@pytest.mark.parametrize(
    ("name", "error", "density", "value"),
    [
        ("default", 0.2, 0.5, 0.25),
        ("default", 0.2, 0.51, 5.251),
        ("sparsity_2", 0.1, 0.02, 0.0992),
        ("sparsity_5", 0.1, 0.15, 1.1005),
        ("sparsity_25", 0.0, 0.25, 0.0025),
    ],
)
def test_the_objectives_are_the_formulas(name, error, density, value):
    registry = load_registry()
    assert registry.get(registry.objectives, name).load()(error, density) == pytest.approx(value)


@pytest.mark.parametrize("score_range", [(0.0, float("inf")), (float("-inf"), 0.0), (1.0, 1.0), (0.0, 100.0)])
@pytest.mark.parametrize("higher_is_better", [True, False])
def test_a_better_score_is_lower_whatever_the_range(score_range, higher_is_better):
    objective = BenchmarkScore(Subset("one", "score", score_range=score_range, higher_is_better=higher_is_better))
    low, high = (objective(Measures(0.1, 0.1, 0.1, score=score)) for score in (0.25, 0.75))
    assert abs(high - low) > 0
    assert (high < low) is higher_is_better


def test_scores_are_compared_on_the_requests_that_have_one():
    def finalist(name, score, io_density):
        scores = [score, *[None] * 5]
        answers = [Measures(0.1 * index, 0.5, io_density, score=given) for index, given in enumerate(scores)]
        return Finalist({"name": name}, tuple(answers))

    good, cheap = finalist("good", 90.0, 0.5), finalist("cheap", 10.0, 0.1)
    choice = choose([good, cheap], Target(BenchmarkScore(Subset("one", "score"))))
    assert choice.winner is good
