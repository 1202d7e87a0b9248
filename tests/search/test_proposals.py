from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from annotated_types import Le

from sparse_hub_core import MaskerConfig, choice, create_optimizer
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine
from sparse_hub_core.search.grid_search import GridSearch
from sparse_hub_core.search.proposals import Proposals
from sparse_hub_core.search.random_search import RandomSearch
from sparse_hub_core.search.run_search import SearchFailedError, best_trial


@dataclass(frozen=True)
class PickyConfig(MaskerConfig):
    size: Annotated[int, Le(8)] = 1

    def create_masker(self):
        raise AssertionError("no masker is made before a trial runs")

    @staticmethod
    def get_search_space(task_name):
        return {"size": choice([1, 2, 3, 4, 9])}

    def infeasible_because(self, num_keys):
        return f"size {self.size} exceeds {num_keys} keys" if self.size > num_keys else None


def proposals(algorithm=RandomSearch, num_samples=10, num_keys=3):
    optimizer = create_optimizer([PickyConfig])
    recorded = []
    search = algorithm(optimizer.create_search_space("t"), num_samples, 2, 0)
    return Proposals(search, optimizer, num_samples, num_keys, recorded.append), recorded


def drain(source):
    return [parameters["picky_size"] for parameters in iter(source.next, None)]


@pytest.mark.parametrize("algorithm", [RandomSearch, GridSearch])
def test_only_distinct_and_feasible_configurations_enter(algorithm):
    source, recorded = proposals(algorithm)
    assert sorted(drain(source)) == [1, 2, 3]
    assert {line.parameters["picky_size"]: line.status for line in recorded} == {4: "infeasible", 9: "infeasible"}
    reasons = {line.parameters["picky_size"]: line.reason for line in recorded}
    assert reasons[4] == "size 4 exceeds 3 keys"
    assert "PickyConfig.size = 9" in reasons[9]


def test_no_more_enter_than_were_asked_for():
    assert len(drain(proposals(num_samples=2)[0])) == 2


def test_what_was_given_back_comes_first():
    source, _ = proposals(num_samples=2)
    first = source.next()
    source.give_back(first)
    assert source.next() == first
    assert len(drain(source)) == 1


def test_finished_trials_count_and_cut_off_ones_come_first():
    source, _ = proposals(num_samples=3)
    done = TrialLine(parameters={"picky_size": 1}, status="ok", objective=0.5)
    answers = [{"error": 0.1, "density": 0.2, "score": 3.0}, {"error": 0.2, "density": 0.3, "score": 4.0}]
    requests = [
        TrialRequestLine(parameters={"picky_size": size}, request_index=index, answer=answers[index])
        for size, index in ((1, 0), (2, 0), (1, 1), (2, 1))
    ]
    source.resume([done], requests)
    first = source.next()
    assert first == {"picky_size": 2}
    assert source.answered(first) == answers
    assert drain(source) == [3]


def test_the_best_is_the_lowest_ok_objective():
    lines = [
        TrialLine(parameters={"n": 1}, status="ok", objective=0.5, density=0.1),
        TrialLine(parameters={"n": 2}, status="pruned", objective=0.1, density=0.1),
        TrialLine(parameters={"n": 3}, status="ok", objective=0.4, density=0.3),
        TrialLine(parameters={"n": 4}, status="ok", objective=0.4, density=0.2),
    ]
    assert best_trial(lines).parameters == {"n": 4}


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "no feasible point"),
        (
            [TrialLine(parameters={}, status="infeasible", reason="too long")],
            "no feasible point among 1 tried: too long",
        ),
        ([TrialLine(parameters={}, status="error", reason="it broke")] * 2, r"\(2 error\); the first said: it broke"),
    ],
)
def test_a_search_without_an_ok_trial_fails_with_the_reason(lines, sentence):
    with pytest.raises(SearchFailedError, match=sentence):
        best_trial(lines)
