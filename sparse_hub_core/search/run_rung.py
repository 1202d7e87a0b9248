"""One rung of a search: configurations from a queue on free workers, with what ends written down at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import ray

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.schema import Status, TrialLine, TrialRequestLine
from sparse_hub_core.search.answer_book import AnswerBook
from sparse_hub_core.search.ladder import Rung
from sparse_hub_core.search.proposals import Queue
from sparse_hub_core.search.schedulers import Stopper
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog
from sparse_hub_core.workers.calls import WORKER_DIED, replace_lost
from sparse_hub_core.workers.pool import START_SECONDS, WorkerPool, last_line


@dataclass(frozen=True)
class RungJob:
    """What all trials of a rung share; stage and optimizer are Ray's references."""

    rung: Rung
    stage: ray.ObjectRef
    optimizer: ray.ObjectRef
    targets: tuple[Target, ...]
    task: str
    request_ids: tuple[str, ...]
    timeout: float

    @property
    def num_requests(self) -> int:
        """The number of requests that a trial sees."""
        return len(self.request_ids)


@dataclass
class _Trial:
    parameters: dict[str, Any]
    key: str
    slot: int
    num_known: int
    """So many of its answers are known from elsewhere."""
    num_written: int = 0
    """So many of its answers are in the files."""
    answers: list[Measures] = field(default_factory=list)
    began: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)


@dataclass
class RungRun:
    """Runs a queue empty; a trial whose worker is lost is tried again on another."""

    job: RungJob
    queue: Queue
    log: TrialLog
    book: AnswerBook
    pool: WorkerPool
    stopper: Stopper
    progress: Progress
    running: dict[ray.ObjectRef, _Trial] = field(default_factory=dict)
    lost_workers: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Run until the queue is empty and every trial has ended.

        Raises:
            ModelError: No worker is left.
            SparseHubError: A result cannot be written.
        """
        self._remember_ended()
        with self._leaving_no_trial():
            while self._start_trials() or self.running:
                if not self.running and self.pool.free(()):
                    # All that were started were known from other searches.
                    continue
                arrived = self.pool.wait(list(self.running), self._seconds_left())
                for reference in arrived:
                    self._take(self.running.pop(reference), reference)
                if not arrived:
                    self._end_late_trials()

    def _remember_ended(self) -> None:
        """Tell what stops trials of those that ended before, in an earlier process or an earlier round of the rung."""
        rung = self.job.rung
        for line in self.log.lines if rung.runs_model else ():
            answers = self.log.measured(line)[: line.requests_finished]
            if line.fidelity != rung.fidelity or not answers:
                continue
            values: list[float] = []
            # What cannot be judged ended its trial; what came before it was told.
            with suppress(SparseHubError):
                for finished in range(1, len(answers) + 1):
                    values.append(self._values(answers[:finished])[0])
            self.stopper.remember(self.log.key(line.parameters), values, line.status == "pruned")

    @contextmanager
    def _leaving_no_trial(self) -> Iterator[None]:
        """Have no worker go on with a trial that nobody waits for, however the block ends."""
        try:
            yield
        finally:
            for trial in self.running.values():
                self.pool.replace(trial.slot)

    def _start_trials(self) -> bool:
        """Give every free worker a configuration; return whether the queue may hold more."""
        for slot in self.pool.free({trial.slot for trial in self.running.values()}):
            parameters = self.queue.next()
            if parameters is None:
                return False
            self._begin(parameters, slot)
        return True

    def _begin(self, parameters: dict[str, Any], slot: int) -> None:
        """Start a trial with what is known of its requests: from a process that was killed, and from other searches."""
        rung = self.job.rung
        known = self.log.known(parameters, rung.fidelity)
        key = self.log.key(parameters)
        found = self.book.find(key, rung, self.job.request_ids[len(known) :])
        trial = _Trial(parameters, key, slot, len(known) + len(found), len(known))
        self._take_answers(trial, [*known, *found])

    def _go_on(self, trial: _Trial) -> None:
        """Have the next requests measured: one where the model runs, all of them in a replay."""
        first, total = len(trial.answers), self.job.num_requests
        if first == total:
            self._end(trial, "ok")
            return
        indices = [first] if self.job.rung.runs_model else list(range(first, total))
        worker, job = self.pool.handles[trial.slot], self.job
        reference = worker.measure_trial.remote(job.stage, job.optimizer, trial.parameters, job.rung, indices)
        self.running[reference] = trial

    def _take(self, trial: _Trial, reference: ray.ObjectRef) -> None:
        """Write down what a worker found, and go on with the trial, or end it."""
        try:
            found: dict[str, Any] = ray.get(reference)
        except ray.exceptions.OutOfMemoryError as error:
            self.pool.replace(trial.slot)
            self._end(trial, "oom", last_line(error))
        except ray.exceptions.RayTaskError as error:
            self._end(trial, "error", last_line(error))
        except ray.exceptions.RayError as error:
            if replace_lost(self.pool, trial.slot, error, self.lost_workers, trial.key):
                self._end(trial, "error", WORKER_DIED)
            else:
                self.queue.give_back(trial.parameters)
        else:
            answers = [Measures.from_answer(answer) for answer in found["answers"]]
            if found["status"] == "ok":
                self._take_answers(trial, answers)
            else:
                if found["status"] == "oom":
                    # Its memory may stay in pieces.
                    self.pool.replace(trial.slot)
                self._keep(trial, answers)
                self._end(trial, found["status"], found["reason"])

    def _take_answers(self, trial: _Trial, answers: list[Measures]) -> None:
        """Go on with a trial, unless one of its new answers ends it; what follows that one would not have been asked.

        Answers that are known are judged one by one as well, so that a search does not depend on what is known.
        """
        given = [*trial.answers, *answers]
        for finished in range(len(trial.answers) + 1, len(given) + 1):
            end = self._ending(trial.key, given[:finished])
            if end is not None:
                self._keep(trial, given[len(trial.answers) : finished])
                self._end(trial, *end)
                return
        self._keep(trial, answers)
        self._go_on(trial)

    def _ending(self, key: str, answers: Sequence[Measures]) -> tuple[Status, str] | None:
        """Return how a trial ends that cannot be judged by its answers, or is stopped as too bad."""
        finished, total = len(answers), self.job.num_requests
        try:
            value = self._values(answers)[0]
        except SparseHubError as error:
            return "error", str(error)
        if finished < total and self.stopper.stops(key, finished, value):
            return "pruned", f"stopped after {finished} of {total} requests"
        return None

    def _values(self, answers: Sequence[Measures]) -> list[float]:
        """Return what each target minimises."""
        means = Measures.mean(answers)
        return [target.value(means) for target in self.job.targets]

    def _keep(self, trial: _Trial, answers: Sequence[Measures]) -> None:
        """Write down those answers of a trial that are not in the files."""
        rung, num_before = self.job.rung, len(trial.answers)
        trial.answers += answers
        num_measured = len(trial.answers) - max(num_before, min(trial.num_known, len(trial.answers)))
        self.progress.advance(rung.work(num_measured))
        self.progress.skip(rung.work(len(answers) - num_measured))
        first = max(num_before, trial.num_written)
        new = trial.answers[first:]
        if not new:
            return
        trial.num_written = len(trial.answers)
        self.log.add_requests(
            [
                TrialRequestLine(
                    parameters=trial.parameters, fidelity=rung.fidelity, request_index=index, answer=answer.as_answer()
                )
                for index, answer in enumerate(new, start=first)
            ]
        )
        self.book.add(trial.key, rung, dict(zip(self.job.request_ids[first:], new, strict=False)))

    def _end(self, trial: _Trial, status: Status, reason: str | None = None) -> None:
        """Write down how a trial ended, and tell the queue."""
        finished = len(trial.answers)
        means = Measures.mean(trial.answers) if trial.answers else None
        line = TrialLine(
            task=self.job.task,
            parameters=trial.parameters,
            status=status,
            reason=reason,
            objective=self._objective(means) if status in ("ok", "pruned") else None,
            **({} if means is None else means.as_answer()),
            fidelity=self.job.rung.fidelity,
            num_seeds=self.job.rung.num_seeds,
            requests_finished=finished,
            started=trial.began,
            seconds=time.monotonic() - trial.clock,
            worker=self.pool.names[trial.slot],
        )
        self.log.add(line)
        self.queue.tell(trial.parameters, line.measures)
        self.progress.skip(self.job.rung.work(self.job.num_requests - finished))

    def _objective(self, means: Measures | None) -> float | None:
        """Return what is minimised, which is not one number where there are several winners."""
        return None if means is None or len(self.job.targets) > 1 else self.job.targets[0].plain(means)

    def _seconds_left(self) -> float:
        """Return the seconds until the first running trial has used up its time; new workers take longer to start."""
        deadlines = [trial.clock + self.job.timeout for trial in self.running.values()]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else START_SECONDS

    def _end_late_trials(self) -> None:
        late = [
            (reference, trial)
            for reference, trial in self.running.items()
            if trial.clock + self.job.timeout <= time.monotonic()
        ]
        for reference, trial in late:
            del self.running[reference]
            self.pool.replace(trial.slot)
            reason = f"the trial reached its limit of {self.job.timeout:g} s in request {len(trial.answers) + 1}"
            self._end(trial, "timeout", reason)
