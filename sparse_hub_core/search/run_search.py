"""One cell's search: rung by rung up the fidelity ladder, and the winners of what came out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import ray

from sparse_hub_core.fidelity import MEANINGS
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import Correlation, TrialLine
from sparse_hub_core.search.failure import SearchFailedError, no_trial_sentence
from sparse_hub_core.search.grid_search import GridSearch
from sparse_hub_core.search.ladder import (
    FINALISTS,
    Rung,
    expected_counts,
    expected_work,
    is_poor,
    num_promoted,
)
from sparse_hub_core.search.promotion import Promotion, ranked
from sparse_hub_core.search.proposals import Proposals, Queue, Survivors, feasible_points
from sparse_hub_core.search.run_rung import RungJob, RungRun
from sparse_hub_core.search.schedulers import create_stopper
from sparse_hub_core.search.search_task import Found, SearchTask
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog
from sparse_hub_core.search.winner import Choice, Finalist, choose
from sparse_hub_core.space import every_point
from sparse_hub_core.spec import Spec
from sparse_hub_core.wording import count
from sparse_hub_core.workers.pool import WorkerPool

FINISHED_PER_PROMOTED = 3
"""So many trials of a rung see all requests for each that goes on; beyond them a scheduler may stop some."""
MAX_REPLACEMENTS = 2
"""So many times others go up where all of those sent to a rung failed."""
MAX_MORE_ROUNDS = 3
"""So many times others go to the last rung where nothing there keeps to a budget."""


def run_search(
    search: SearchTask,
    spec: Spec,
    pool: WorkerPool,
    cell: CellDirectory,
    progress: Progress,
) -> Found:
    """Run the trials that a cell still misses and return the winners.

    Raises:
        SearchFailedError: No trial ended well; the sentence counts how they ended.
    """
    return _Search(search, spec, pool, cell, progress).run()


@dataclass
class _Search:
    search: SearchTask
    spec: Spec
    pool: WorkerPool
    cell: CellDirectory
    progress: Progress
    correlations: list[Correlation] = field(default_factory=list)
    rest: list[dict[str, Any]] = field(default_factory=list)
    """All that can be tried, where that is less than is asked for."""
    sent: set[str] = field(default_factory=set)
    """The keys of what was sent to the last rung; an earlier process may have run more there."""

    def run(self) -> Found:
        search = self.search
        self.log = TrialLog(self.cell, search.optimizer)
        self.log.told = self._told
        self.promotion = Promotion(self.log, search.targets)
        self.space = search.optimizer.create_search_space(search.task)
        self.num_samples = self._num_samples()
        self.expected = expected_counts(self.num_samples, search.rungs, len(search.targets))
        self.progress.expect(self._expected_work(self.num_samples) - self._expected_work(self._num_planned()))
        self.wanted: dict[str, int] = {}
        entry = search.rungs[0]
        if self.log.fidelities <= {entry.fidelity}:
            proposals = self._proposals(entry)
            self._run_rung(entry, proposals, self._max_stops(entry, self.num_samples))
            if proposals.num_left and proposals.entered:
                self.progress.note(
                    f"{search.task}: the search algorithm has nothing further to propose after {proposals.entered} of "
                    f"{count(self.num_samples, 'configuration')}."
                )
        else:
            # An earlier process went on from it, and found nothing more to propose.
            self._expect(entry, num_left=0)
        self._require_finished(entry)
        self.sent = {self.log.key(line.parameters) for line in self.log.finished(entry.fidelity)}
        for lower, upper in pairwise(search.rungs):
            self._climb(lower, upper)
        choices = tuple(self._choose(target) for target in search.targets)
        return Found(choices, search.rungs[-1], tuple(self.correlations))

    def _num_planned(self) -> int:
        """Return how many configurations were said to enter the search when the run began."""
        points = every_point(self.space, self.spec.num_samples)
        return self.spec.num_samples if points is None else len(points)

    def _num_samples(self) -> int:
        """Return how many configurations enter the search, as a space may hold fewer than are asked for."""
        points, asked = feasible_points(self.space, self.log, self.search.num_keys), self.spec.num_samples
        if points is None or len(points) >= asked:
            return asked
        self.rest = points
        if self.space:
            self.progress.note(
                f"{self.search.task}: the search space holds {count(len(points), 'configuration')} that can be tried, "
                f"fewer than the {asked} that are asked for."
            )
        # That none makes sense is told by how the proposals end.
        return max(1, len(points))

    def _expected_work(self, num_samples: int) -> float:
        search = self.search
        return expected_work(num_samples, search.rungs, len(search.targets), self.spec.search.max_requests)

    def _proposals(self, entry: Rung) -> Proposals:
        """Return what is tried at the first rung; each target has a search algorithm of its own."""
        search, num_samples = self.search, self.num_samples
        # A grid of nothing proposes the one configuration.
        create = search.create_algorithm if self.space else GridSearch
        algorithms = [
            (target, create(self.space, num_samples, self.pool.size, self.spec.seed + index))
            for index, target in enumerate(search.targets)
        ]
        first = list(search.first)
        fidelity, num_keys = entry.fidelity, search.num_keys
        return Proposals(algorithms, self.log, fidelity, num_samples, num_keys, first, self.rest, search.task)

    def _choose(self, target: Target) -> Choice | None:
        """Return the winner; where no finalist keeps to the budget, of the others that seemed to."""
        choice = choose(self._finalists(), target)
        top = self.search.rungs[-1]
        for number in range(MAX_MORE_ROUNDS):
            if choice is not None or not (others := self._seeming_within(target)):
                break
            if number == 0:
                self.progress.note(
                    f"{self.search.task}: nothing at {top.fidelity} keeps to {target.budget}, so others that did "
                    f"below are sent there, {FINALISTS} at a time and at most {MAX_MORE_ROUNDS} times."
                )
            self.sent |= {self.log.key(line.parameters) for line in others}
            self._run_rung(top, Survivors(self._missing(top, others)), max_stops=0)
            choice = choose(self._finalists(), target)
        return choice

    def _finalists(self) -> list[Finalist]:
        lines = self.log.finished(self.search.rungs[-1].fidelity)
        return [
            Finalist(line.parameters, tuple(self.log.measured(line)))
            for line in lines
            if self.log.key(line.parameters) in self.sent
        ]

    def _seeming_within(self, target: Target) -> list[TrialLine]:
        """Return the best of those that were not sent to the last rung and kept to a budget at the highest they saw."""
        highest = {
            self.log.key(line.parameters): (-height, line)
            for height, rung in enumerate(self.search.rungs[:-1])
            for line in self.log.finished(rung.fidelity)
        }
        within = [
            (height, line)
            for key, (height, line) in highest.items()
            if key not in self.sent and line.measures and not target.excess(line.measures)
        ]
        heights = sorted({height for height, _ in within})
        return [line for height in heights for line in ranked([line for at, line in within if at == height], target)][
            :FINALISTS
        ]

    def _climb(self, lower: Rung, upper: Rung) -> None:
        """Send the best of a rung on to the next one, and more of them where the two disagree."""
        finished = self.log.finished(lower.fidelity)
        count = num_promoted(len(finished), upper.fidelity, len(self.search.targets))
        self.sent = set()
        self._send_up(upper, finished, count)
        self._replace_failed(upper, finished, count)
        correlation, num_sent = self.promotion.correlation(lower.fidelity, upper.fidelity, self.sent), len(self.sent)
        if is_poor(correlation) and num_sent < len(finished):
            assert correlation is not None
            more = min(2 * num_sent, len(finished))
            self.progress.note(
                f"{self.search.task}: {lower.fidelity} says little of {upper.fidelity} (Spearman "
                f"{correlation.spearman:.2f}, n={correlation.n}), so {more} of {len(finished)} go on, not {num_sent}."
            )
            self._send_up(upper, finished, more - num_sent)
            correlation = self.promotion.correlation(lower.fidelity, upper.fidelity, self.sent)
        if correlation is not None:
            self.correlations.append(correlation)
        self._require_finished(upper)

    def _replace_failed(self, upper: Rung, finished: Sequence[TrialLine], count: int) -> None:
        """Send the next ones up where none of those that were sent ended well."""
        for _ in range(MAX_REPLACEMENTS):
            num_left = len(finished) - len(self.sent)
            # An earlier process may have gone on with others, which come again in their turn.
            ended_well = {self.log.key(line.parameters) for line in self.log.finished(upper.fidelity)}
            if self.sent & ended_well or not num_left:
                return
            self.progress.note(
                f"{self.search.task}: none of the {len(self.sent)} sent to {upper.fidelity} ended well, so the next "
                f"{min(count, num_left)} of {len(finished)} go on."
            )
            self._send_up(upper, finished, count)

    def _send_up(self, upper: Rung, finished: Sequence[TrialLine], count: int) -> None:
        """Send up so many more of those that finished the rung below; what ran there does not run again."""
        others = [line for line in finished if self.log.key(line.parameters) not in self.sent]
        lines = self.promotion.best(others, count)
        self.sent |= {self.log.key(line.parameters) for line in lines}
        self._run_rung(upper, Survivors(self._missing(upper, lines)), self._max_stops(upper, len(self.sent)))

    def _max_stops(self, rung: Rung, count: int) -> float:
        """Return how many trials of a rung may be stopped: where few go on, a stop early on would be chance."""
        if len(self.search.rungs) == 1:
            return math.inf
        above = self.search.rungs[self.search.rungs.index(rung) + 1 :]
        if not above:
            return 0
        return count - FINISHED_PER_PROMOTED * num_promoted(count, above[0].fidelity, len(self.search.targets))

    def _missing(self, rung: Rung, lines: Sequence[TrialLine]) -> list[dict[str, Any]]:
        """Return the parameters of those that did not run at a rung yet."""
        return [
            line.parameters for line in lines if (self.log.key(line.parameters), rung.fidelity) not in self.log.ended
        ]

    def _run_rung(self, rung: Rung, queue: Queue, max_stops: float = math.inf) -> None:
        self._expect(rung, queue.num_left)
        first = queue.next()
        if first is None:
            self.progress.expect(-rung.work(queue.num_left * len(self._request_ids(rung))))
            return
        queue.give_back(first)
        self.progress.stage(f"{self.search.task}, {rung.fidelity}: {MEANINGS[rung.fidelity]}")
        search, ids = self.search, self._request_ids(rung)
        references = ray.put(search.stage), ray.put(search.optimizer)
        job = RungJob(rung, *references, search.targets, search.task, ids, self.spec.search.timeout)
        # A replay costs less than deciding whether to stop it, and targets differ in which trials are worth going on.
        stops = len(search.targets) == 1 and rung.runs_model
        stopper = create_stopper(self.spec.scheduler if stops else "none", len(ids), max_stops)
        RungRun(job, queue, self.log, search.book, self.pool, stopper, self.progress).run()
        # A space may hold fewer configurations than samples were asked for.
        self.progress.expect(-rung.work(queue.num_left * len(ids)))

    def _request_ids(self, rung: Rung) -> tuple[str, ...]:
        """Return the requests that a rung asks, the same first ones for every configuration."""
        requests = self.search.stage.requests
        return tuple(prepared.request.id for prepared in requests[: rung.num_requests(len(requests))])

    def _expect(self, rung: Rung, num_left: int) -> None:
        """Correct what was expected of a rung: more go up where two rungs disagree, fewer where trials failed."""
        self.wanted[rung.fidelity] = self._num_ended(rung.fidelity) + num_left
        before = self.expected.pop(rung.fidelity, 0) * rung.num_requests(self.spec.search.max_requests)
        self.progress.expect(rung.work(num_left * len(self._request_ids(rung)) - before))

    def _num_ended(self, fidelity: str) -> int:
        return sum(line.fidelity == fidelity and line.status != "infeasible" for line in self.log.lines)

    def _told(self, line: TrialLine) -> None:
        index, number = len(self.log.lines), self._num_ended(line.fidelity)
        self.progress.trial(line, index, number, self.wanted[line.fidelity])

    def _require_finished(self, rung: Rung) -> None:
        """Check that a rung left something to go on with.

        Raises:
            SearchFailedError: It did not.
        """
        if self.log.finished(rung.fidelity):
            return
        raise SearchFailedError(no_trial_sentence([line for line in self.log.lines if line.fidelity == rung.fidelity]))
