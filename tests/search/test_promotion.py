"""How far two rungs agree, on those that saw all requests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sparse_hub_core import MaskerConfig, create_optimizer
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine
from sparse_hub_core.search.promotion import Promotion
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog


@dataclass(frozen=True)
class NumberedConfig(MaskerConfig):
    number: int = 1

    def create_masker(self):
        raise AssertionError("nothing runs here")


def add(log: TrialLog, number: int, fidelity: str, errors: list[float], status: str = "ok") -> str:
    parameters = {"numbered_number": number}
    answers = [{"error": error, "density": 0.1, "io_density": 0.1} for error in errors]
    whole = {"score": None, "kl": None, "delta_nll": None}
    log.add_requests(
        [
            TrialRequestLine(parameters=parameters, fidelity=fidelity, request_index=index, answer={**answer, **whole})
            for index, answer in enumerate(answers)
        ]
    )
    log.add(TrialLine(parameters=parameters, fidelity=fidelity, status=status, error=errors[0], density=0.1))
    return log.key(parameters)


def test_a_stopped_trial_does_not_cut_the_requests_of_the_others(tmp_path: Path) -> None:
    log = TrialLog(CellDirectory(tmp_path), create_optimizer([NumberedConfig]))
    keys = set()
    for number in range(8):
        # The first request says the opposite of what all requests together say.
        errors = [1.0 - 0.1 * number, 2.0 * number, 2.0 * number]
        keys |= {add(log, number, fidelity, list(errors)) for fidelity in ("F0", "F1")}
        if number == 7:
            keys.add(add(log, 8, "F0", [9.0, 0.0, 0.0]))
            keys.add(add(log, 8, "F1", [0.1], status="pruned"))
    found = Promotion(log, (Target(lambda measures: measures.error),)).correlation("F0", "F1", keys)
    assert found is not None
    assert (found.n, found.spearman) == (8, 1.0)
