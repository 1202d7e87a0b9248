"""Who goes up where trials fail or nothing keeps to a budget; the trials themselves are written down, not run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sparse_hub_core import create_optimizer
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.progress import Silent
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


class Notes(Silent):
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
    for size in range(1, NUM_BELOW + 1):
        write(made.log, {"local_window_size": size}, "F2", 0.1)
    return made


def test_where_all_that_were_sent_up_fail_the_next_go_up(tmp_path):
    climbing = search(tmp_path, lambda size: None if size < 4 or size == 22 else 0.1)
    climbing._climb(LOWER, UPPER)
    assert [line.parameters["local_window_size"] for line in climbing.log.finished("F3")][:3] == [4, 5, 6]
    assert "none of the 4 sent to F3 ended well, so the next 4 of 40 go on" in climbing.progress.sentences[0]


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
