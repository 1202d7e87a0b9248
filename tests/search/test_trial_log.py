from __future__ import annotations

from dataclasses import dataclass

import pytest

from sparse_hub_core import MaskerConfig, choice, create_optimizer
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine
from sparse_hub_core.search.trial_log import TrialLog


@dataclass(frozen=True)
class ScaledConfig(MaskerConfig):
    """Wide makes the same masker as a small one twice as big."""

    size: int = 1
    wide: bool = False
    pair: tuple[int, int] = (1, 2)

    def __post_init__(self):
        super().__post_init__()
        if self.size > 8:
            raise ValueError("too big")
        if self.wide:
            object.__setattr__(self, "size", 2 * self.size)
            object.__setattr__(self, "wide", False)

    def create_masker(self):
        raise AssertionError("no masker is made to know a configuration")

    @staticmethod
    def get_search_space(task_name):
        return {"size": choice([1, 2, 4]), "wide": choice([True, False]), "pair": choice([(1, 2), (3, 4)])}


@dataclass(frozen=True)
class OtherConfig(ScaledConfig):
    pass


OPTIMIZER = create_optimizer([ScaledConfig], {ScaledConfig: "scaled"})


def parameters(size=1, wide=False, pair=(1, 2)):
    return {"scaled_size": size, "scaled_wide": wide, "scaled_pair": pair}


@pytest.fixture
def log(tmp_path):
    return TrialLog(CellDirectory(tmp_path), OPTIMIZER)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (parameters(2, True), parameters(4, False), True),
        (parameters(pair=(3, 4)), parameters(pair=[3, 4]), True),
        (parameters(), dict(reversed(parameters().items())), True),
        (parameters(2), parameters(4), False),
        (parameters(pair=(3, 4)), parameters(), False),
        (parameters(9), parameters(9), True),
        (parameters(9), parameters(10), False),
    ],
)
def test_parameters_that_make_equal_maskers_are_one_configuration(log, one, other, equal):
    assert (log.key(one) == log.key(other)) == equal


def test_equal_parameters_of_other_maskers_are_another_configuration(log, tmp_path):
    other = TrialLog(CellDirectory(tmp_path), create_optimizer([OtherConfig], {OtherConfig: "scaled"}))
    assert log.key(parameters()) != other.key(parameters())


def request(index, error, fidelity="F0", tried=None):
    answer = Measures(error, 0.1, 0.2).as_answer()
    return TrialRequestLine(parameters=tried or parameters(), fidelity=fidelity, request_index=index, answer=answer)


def ended(fidelity="F0", status="ok", tried=None):
    measured = {} if status == "error" else {"error": 0.3, "density": 0.1, "io_density": 0.2}
    return TrialLine(parameters=tried or parameters(), status=status, fidelity=fidelity, **measured)


def test_another_process_knows_what_this_one_wrote(log, tmp_path):
    told = []
    log.told = told.append
    log.add_requests([request(0, 0.1), request(1, 0.5), request(0, 0.7, "F1")])
    log.add(ended())
    assert told == [ended()]
    again = TrialLog(CellDirectory(tmp_path), OPTIMIZER)
    for one in (log, again):
        assert [answer.error for answer in one.known(parameters(), "F0")] == [0.1, 0.5]
        assert [answer.error for answer in one.known(parameters(), "F1")] == [0.7]
        assert [one.key(line.parameters) for line in one.finished("F0")] == [one.key(parameters())]
        assert one.measured(ended()) == one.known(parameters(), "F0")
        assert list(one.unfinished) == [(one.key(parameters()), "F1")]


def test_a_request_counts_once_and_in_order(log):
    log.add_requests([request(0, 0.1), request(0, 0.9), request(2, 0.9), request(1, 0.2)])
    assert [answer.error for answer in log.known(parameters(), "F0")] == [0.1, 0.2]


@pytest.mark.parametrize("status", ["pruned", "error", "timeout", "oom", "infeasible"])
def test_only_trials_that_ended_well_are_finished(log, status):
    log.add(ended(status=status))
    assert log.finished("F0") == []
    assert (log.key(parameters()), "F0") in log.ended


def test_rungs_are_apart(log):
    log.add(ended("F0"))
    log.add(ended("F2", tried=parameters(4)))
    assert [line.fidelity for line in log.finished("F0")] == ["F0"]
    assert [line.parameters["scaled_size"] for line in log.finished("F2")] == [4]
