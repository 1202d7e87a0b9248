"""The answer of a run: the cheapest preset that cannot be told from the best."""

from __future__ import annotations

import pytest

from sparse_hub_core.report.best_presets import how_chosen
from sparse_hub_core.validation.answer import Candidate, answer
from sparse_hub_core.validation.comparison import Answers

PERCENT = (0.0, 100.0)


def candidate(name: str, wrong: int, cost: float, size: int = 40, **more: float) -> Candidate:
    return Candidate(scored(name, wrong, size), cost, **more)


def scored(name: str, wrong: int, size: int = 40) -> Answers:
    return Answers(name, {(f"r{i}", 0): 0.0 if i < wrong else 100.0 for i in range(size)})


def test_the_cheapest_of_those_that_cannot_be_told_from_the_best_is_taken() -> None:
    candidates = [candidate("best", 1, 0.5), candidate("cheap", 2, 0.1), candidate("bad", 30, 0.01)]
    found = answer(candidates, PERCENT)
    assert (found.chosen.name, found.best.name, found.tied) == ("cheap", "best", ())
    assert [(one.first, one.second, one.is_told) for one in found.beside_best] == [
        ("cheap", "best", False),
        ("bad", "best", True),
    ]
    assert {one.family for one in found.beside_best} == {3}


def test_adjusting_does_not_help_a_cheap_preset_whose_own_interval_says_it_is_worse() -> None:
    candidates = [
        candidate("best", 0, 0.5),
        candidate("cheap", 7, 0.1),
        *(candidate(f"c{i}", 0, 0.6) for i in range(4)),
    ]
    found = answer(candidates, PERCENT)
    assert found.chosen.name == "best"
    assert (found.tied, found.unsure) == (("c0", "c1", "c2", "c3"), ("cheap",))
    (told,) = how_chosen(found, len(candidates))
    assert "a winner that reads less is worse by the whole of its 95% interval" in told
    assert "also holds 0 for c0; c1; c2; c3, which read no less." in told
    assert "leaves out 0: cheap. The test, adjusted for all pairs, does not tell this" in told


def test_few_requests_tell_nothing_apart_so_the_best_mean_is_taken() -> None:
    found = answer([candidate("best", 0, 0.5, 8), candidate("cheap", 4, 0.1, 8)], PERCENT)
    assert found.is_few
    assert found.chosen.name == "best"


def test_the_direction_of_the_metric_counts() -> None:
    found = answer([candidate("a", 0, 0.1), candidate("b", 30, 0.5)], PERCENT, False)
    assert found.chosen.name == found.best.name == "b"


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([candidate("a", 0, 0.1, io_density=0.9), candidate("b", 0, 0.2, io_density=0.3)], "b"),
        ([candidate("a", 0, 0.1, io_density=0.9), candidate("b", 0, 0.2)], "a"),
        ([candidate("a", 0, 0.1)], "a"),
    ],
)
def test_cost_is_io_density_where_all_have_one(candidates, chosen) -> None:
    assert answer(candidates, PERCENT).chosen.name == chosen


def test_without_scores_there_is_no_answer() -> None:
    assert answer([Candidate(Answers("a", {}), 0.1)], PERCENT) is None
    assert answer([], PERCENT) is None
