"""Who goes up where trials fail or nothing keeps to a budget; the trials themselves are written down, not run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sparse_hub_core import create_optimizer
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine
from sparse_hub_core.search.failure import SearchFailedError
from sparse_hub_core.search.ladder import Rung
from sparse_hub_core.search.promotion import Promotion
from sparse_hub_core.search.run_search import _Search
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog
from sparse_hub_maskers_builtin.local import LocalMaskerConfig

LOWER, UPPER = Rung("F2", 1), Rung("F3", 1)
NUM_BELOW = 40


class Notes(Progress):
    def __init__(self):
        self.sentences = []

    def note(self, sentence):
        self.sentences.append(sentence)


class WrittenDown(_Search):
    """Its trials end as ``ends`` says: a density where one ends well, None where it fails."""

    def _run_rung(self, rung, queue, max_stops=0):
        while (parameters := queue.next()) is not None:
            write(self.log, parameters, rung.fidelity, self.ends(parameters["local_window_size"]))


def write(log, parameters, fidelity, density):
    size = parameters["local_window_size"]
    if density is None:
        log.add(TrialLine(parameters=parameters, fidelity=fidelity, status="error", reason="broken"))
        return
    measures = Measures(size / 100, density, density)
    log.add_requests(
        [TrialRequestLine(parameters=parameters, fidelity=fidelity, request_index=0, answer=measures.as_answer())]
    )
    numbers = {"error": size / 100, "density": density, "io_density": density}
    log.add(TrialLine(parameters=parameters, fidelity=fidelity, status="ok", **numbers))


def search(folder, ends, max_density=None):
    targets = (Target(lambda measures: measures.error, max_density),)
    task = SimpleNamespace(task="a task", rungs=(LOWER, UPPER), targets=targets)
    made = WrittenDown(task, None, None, CellDirectory(folder), Notes())
    optimizer = create_optimizer([LocalMaskerConfig], {LocalMaskerConfig: "local"})
    made.log, made.ends = TrialLog(made.cell, optimizer), ends
    made.promotion = Promotion(made.log, targets)
    for size in range(1, NUM_BELOW + 1) if not made.log.lines else ():
        write(made.log, {"local_window_size": size}, "F2", 0.1)
    return made


def test_where_all_that_were_sent_up_fail_the_next_go_up(tmp_path):
    climbing = search(tmp_path, lambda size: None if size < 4 or size == 22 else 0.1)
    climbing._climb(LOWER, UPPER)
    assert [line.parameters["local_window_size"] for line in climbing.log.finished("F3")][:3] == [4, 5, 6]
    assert "none of the 4 sent to F3 ended well, so the next 4 of 40 go on" in climbing.progress.sentences[0]


@pytest.mark.parametrize("num_ended", range(1, 9))
def test_a_search_that_was_cut_off_there_goes_on_as_it_would_have(tmp_path, num_ended):
    def ends(size):
        return None if size < 4 or size == 22 else 0.1

    whole, cut_off = search(tmp_path / "whole", ends), search(tmp_path / "cut off", ends)
    whole._climb(LOWER, UPPER)
    tried = [line for line in whole.log.lines if line.fidelity == "F3"]
    assert len(tried) == 8
    for line in tried[:num_ended]:
        write(cut_off.log, line.parameters, "F3", ends(line.parameters["local_window_size"]))
    resumed = search(tmp_path / "cut off", ends)
    resumed._climb(LOWER, UPPER)
    assert resumed.sent == whole.sent
    assert [line.parameters for line in resumed.log.lines] == [line.parameters for line in whole.log.lines]
    assert resumed.correlations == whole.correlations


def test_what_seemed_over_a_budget_on_a_higher_rung_is_not_sent_up_for_it(tmp_path):
    climbing = search(tmp_path, lambda size: 0.1 if size == 1 else 0.9, max_density=0.2)
    climbing.search.rungs = (Rung("F1", 1), LOWER, UPPER)
    for size in range(1, NUM_BELOW + 1):
        write(climbing.log, {"local_window_size": size}, "F1", 0.1 if size < 30 else 0.9)
    for size in range(1, 20):
        write(climbing.log, {"local_window_size": size}, "F2", 0.9)
    found = climbing._seeming_within(climbing.search.targets[0])
    assert [line.parameters["local_window_size"] for line in found] == [20, 21, 22, 23]
    assert {line.fidelity for line in found} == {"F2"}


def test_it_fails_after_two_rounds_more(tmp_path):
    climbing = search(tmp_path, lambda size: None)
    with pytest.raises(SearchFailedError, match=r"12 error"):
        climbing._climb(LOWER, UPPER)
    assert len(climbing.progress.sentences) == 2


def test_looking_for_what_keeps_to_a_budget_ends_and_is_told_once(tmp_path):
    climbing = search(tmp_path, lambda size: 0.9, max_density=0.2)
    climbing._climb(LOWER, UPPER)
    climbing.progress.sentences.clear()
    assert climbing._choose(climbing.search.targets[0]) is None
    assert len(climbing.log.finished("F3")) == 4 + 3 * 4
    (said,) = climbing.progress.sentences
    assert "nothing at F3 keeps to density at most 20%" in said
