from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from annotated_types import Le

from sparse_hub_core import MaskerConfig, choice, create_optimizer, get_masker_config, loguniform
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.failure import no_trial_sentence
from sparse_hub_core.search.grid_search import GridSearch
from sparse_hub_core.search.proposals import Proposals, feasible_points
from sparse_hub_core.search.random_search import RandomSearch
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog


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


class Told(SearchAlgorithm):
    """Proposes sizes in order, and remembers what it is told."""

    def __init__(self, space, num_samples, num_workers, seed):
        super().__init__(space, num_samples, num_workers, seed)
        self.proposals = iter(space["picky_size"].options)
        self.told = []

    def ask(self):
        size = next(self.proposals, None)
        return None if size is None else {"picky_size": size}

    def tell(self, parameters, objective):
        self.told.append((parameters["picky_size"], objective))


OPTIMIZER = create_optimizer([PickyConfig])


def proposals(tmp_path, algorithm=RandomSearch, num_samples=10, num_keys=3, **others):
    algorithms = others.pop("algorithms", None)
    if algorithms is None:
        made = algorithm(OPTIMIZER.create_search_space("t"), num_samples, 2, 0)
        algorithms = [(Target(lambda measures: measures.error), made)]
    log = TrialLog(CellDirectory(tmp_path), OPTIMIZER)
    return Proposals(algorithms, log, "F0", num_samples, num_keys, task="t", **others)


def told():
    return Told(OPTIMIZER.create_search_space("t"), 10, 2, 0)


def drain(source):
    return [parameters["picky_size"] for parameters in iter(source.next, None)]


def ended(size, error=0.5, **others):
    return TrialLine(
        parameters={"picky_size": size}, status="ok", fidelity="F0", error=error, density=0.1, io_density=0.1, **others
    )


@pytest.mark.parametrize("algorithm", [RandomSearch, GridSearch])
def test_only_distinct_and_feasible_configurations_enter(algorithm, tmp_path):
    source = proposals(tmp_path, algorithm)
    assert sorted(drain(source)) == [1, 2, 3]
    lines = source.log.lines
    assert {line.parameters["picky_size"]: line.status for line in lines} == {4: "infeasible", 9: "infeasible"}
    assert {line.task for line in lines} == {"t"}
    assert all(line.started > 0 for line in lines)
    reasons = {line.parameters["picky_size"]: line.reason for line in lines}
    assert reasons[4] == "size 4 exceeds 3 keys"
    assert "PickyConfig.size = 9" in reasons[9]


def test_no_more_enter_than_were_asked_for(tmp_path):
    assert len(drain(proposals(tmp_path, num_samples=2))) == 2


def test_what_was_given_back_comes_first(tmp_path):
    source = proposals(tmp_path, num_samples=2)
    first = source.next()
    source.give_back(first)
    assert source.next() == first
    assert len(drain(source)) == 1


def test_finished_trials_count_and_cut_off_ones_come_first(tmp_path):
    log = TrialLog(CellDirectory(tmp_path), OPTIMIZER)
    answers = [Measures(0.1, 0.2, 0.2, 3.0), Measures(0.2, 0.3, 0.3, 4.0)]
    for size, index in ((1, 0), (2, 0), (1, 1), (2, 1)):
        line = TrialRequestLine(
            parameters={"picky_size": size}, fidelity="F0", request_index=index, answer=answers[index].as_answer()
        )
        log.add_requests([line])
    log.add(ended(1))
    source = proposals(tmp_path, num_samples=3)
    first = source.next()
    assert first == {"picky_size": 2}
    assert source.log.known(first, "F0") == answers
    assert drain(source) == [3]


def test_lines_of_other_rungs_are_no_samples(tmp_path):
    log = TrialLog(CellDirectory(tmp_path), OPTIMIZER)
    log.add(ended(1).model_copy(update={"fidelity": "F3"}))
    assert sorted(drain(proposals(tmp_path))) == [1, 2, 3]


def test_every_algorithm_hears_of_every_trial_by_its_own_target(tmp_path):
    first, second = told(), told()
    pairs = [(Target(lambda m: m.error), first), (Target(lambda m: m.density), second)]
    source = proposals(tmp_path, num_keys=8, algorithms=pairs)
    asked = drain(source)
    assert asked == [1, 2, 3, 4], "the two propose in turn, and what both propose is tried once"
    source.tell({"picky_size": 3}, Measures(0.5, 0.25, 0.3))
    source.tell({"picky_size": 4}, None)
    assert [size for size in first.told if size[0] in (3, 4)] == [(3, 0.5), (4, None)]
    assert [size for size in second.told if size[0] in (3, 4)] == [(3, 0.25), (4, None)]


def test_a_resumed_search_tells_what_ended(tmp_path):
    log = TrialLog(CellDirectory(tmp_path), OPTIMIZER)
    log.add(ended(2, error=0.25))
    log.add(TrialLine(parameters={"picky_size": 1}, status="error", fidelity="F0", reason="it broke"))
    algorithm = told()
    source = proposals(tmp_path, algorithms=[(Target(lambda m: m.error), algorithm)])
    assert sorted(algorithm.told) == [(1, None), (2, 0.25)]
    assert drain(source) == [3]


def test_a_repeat_of_what_still_runs_is_told_nothing(tmp_path):
    algorithm = told()
    algorithm.proposals = iter([1, 1, 2])
    assert drain(proposals(tmp_path, algorithms=[(Target(lambda m: m.error), algorithm)])) == [1, 2]
    assert algorithm.told == []


def test_earlier_winners_are_tried_first_and_count(tmp_path):
    source = proposals(tmp_path, num_samples=2, first=[{"picky_size": 3}])
    assert drain(source)[0] == 3
    assert source.entered == 2


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "no feasible point"),
        (
            [TrialLine(parameters={}, status="infeasible", reason="too long")],
            "no feasible point among 1 tried: too long",
        ),
        ([TrialLine(parameters={}, status="error", reason="it broke")] * 2, "(2 error); the first said: it broke"),
    ],
)
def test_a_rung_without_an_ok_trial_says_why(lines, sentence):
    assert sentence in no_trial_sentence(lines)


WIDE = create_optimizer([get_masker_config("oracle_top_p"), get_masker_config("local")])


def tried(tmp_path, name, num_samples, cut_off=False):
    """Run trials until so many ended, and leave one more with an answer only where it is cut off."""
    registry = load_registry()
    create = registry.get(registry.search_algorithms, name).load()
    algorithm = create(WIDE.create_search_space("t"), 12, 1, 0)
    log = TrialLog(CellDirectory(tmp_path), WIDE)
    source = Proposals([(Target(lambda measures: measures.error), algorithm)], log, "F0", 12, 80)
    while source.entered < num_samples + cut_off:
        parameters = source.next()
        if parameters is None:
            return
        answer = Measures(hash_share(parameters), 0.1, 0.1)
        if not source.log.known(parameters, "F0"):
            request = TrialRequestLine(parameters=parameters, fidelity="F0", request_index=0, answer=answer.as_answer())
            log.add_requests([request])
        if source.entered > num_samples:
            return
        status = "error" if answer.error > 0.5 else "ok"
        line = TrialLine(parameters=parameters, status=status, fidelity="F0", **answer.as_answer())
        log.add(line)
        source.tell(parameters, line.measures)


def hash_share(parameters):
    return int(content_hash(parameters)[:6], 16) / 16**6


@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize("name", ["nevergrad", "optuna_tpe", "optuna_nsga2", "hyperopt", "random", "grid"])
def test_an_interrupted_search_proposes_what_it_would_have_proposed(tmp_path, name, cut_off):
    tried(tmp_path / "whole", name, 12)
    for ended_before in (4, 9):
        tried(tmp_path / "parts", name, ended_before, cut_off)
    tried(tmp_path / "parts", name, 12)
    whole, parts = (
        [(line.parameters, line.status) for line in CellDirectory(tmp_path / folder).read_trials()]
        for folder in ("whole", "parts")
    )
    assert parts == whole
    assert "error" in {status for _, status in whole}


def test_only_configurations_that_can_be_tried_are_counted(tmp_path):
    log = TrialLog(CellDirectory(tmp_path), OPTIMIZER)
    space = OPTIMIZER.create_search_space("t")
    # 9 is out of range, and 4 more than there are keys.
    assert feasible_points(space, log, num_keys=3) == [{"picky_size": size} for size in (1, 2, 3)]
    assert feasible_points({**space, "more": loguniform(1, 2)}, log, num_keys=3) is None


class Stubborn(SearchAlgorithm):
    """Proposes the same all the time."""

    def ask(self):
        return {"picky_size": 2}

    def tell(self, parameters, objective):
        pass


def test_what_an_algorithm_never_proposes_is_tried_last_where_all_is_to_be_tried(tmp_path):
    rest = [{"picky_size": size} for size in (1, 2, 3)]
    assert drain(proposals(tmp_path, Stubborn, num_samples=3, rest=rest)) == [2, 1, 3]
    assert drain(proposals(tmp_path / "other", Stubborn, num_samples=3)) == [2]
