"""Ray Tune's view of the search: hands out proposals to free workers and writes down how trials ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray.tune.search import Searcher

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine, TrialRequestLine
from sparse_hub_core.search.proposals import Proposals
from sparse_hub_core.search.trial import MEASURES
from sparse_hub_core.workers.pool import WORKER_DIED, WorkerPool


@dataclass
class _Live:
    parameters: dict[str, Any]
    slot: int
    worker: str
    started: float
    requests_written: int


class TuneSearcher(Searcher):  # type: ignore[misc]
    """Suggests as long as a worker is free; every ended trial is recorded before anything else happens."""

    def __init__(
        self,
        proposals: Proposals,
        pool: WorkerPool,
        num_requests: int,
        cell: CellDirectory,
        record: Callable[[TrialLine], None],
        progress: Progress,
    ) -> None:
        super().__init__(metric="objective", mode="min")
        self.proposals = proposals
        self.pool = pool
        self.num_requests = num_requests
        self.cell = cell
        self.record = record
        self.progress = progress
        self.live: dict[str, _Live] = {}
        self.failure: SparseHubError | None = None

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the configuration of a trial, None while all workers are busy, or that there is no more."""
        busy = {live.slot for live in self.live.values()}
        free = next((slot for slot in range(self.pool.size) if slot not in busy), None)
        if free is None:
            return None
        parameters = self.proposals.next()
        if parameters is None:
            return str(Searcher.FINISHED)
        name = self.pool.names[free]
        answers = self.proposals.answered(parameters)
        self.live[trial_id] = _Live(parameters, free, name, time.time(), len(answers))
        return {"parameters": parameters, "worker": name, "answers": answers}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Write down a finished request."""
        live = self.live[trial_id]
        finished = int(result.get("requests_finished", 0))
        if finished <= live.requests_written:
            return
        live.requests_written = finished
        answer = {name: result[f"request_{name}"] for name in MEASURES}
        line = TrialRequestLine(parameters=live.parameters, request_index=finished - 1, answer=answer)
        with self._remembering_failure():
            append_line(self.cell.trial_requests, line)
        self.progress.advance()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Write the trial's line, teach the algorithm, and replace a worker that hangs or died."""
        if trial_id not in self.live or self.failure is not None:
            return
        # A trial's last result comes only here.
        self.on_trial_result(trial_id, result or {})
        live = self.live.pop(trial_id)
        line = self._line(live, result or {}, error)
        if error or line.status in ("timeout", "oom") or line.reason == WORKER_DIED:
            self.pool.replace(live.slot)
        with self._remembering_failure():
            self.record(line)
        self.proposals.tell(live.parameters, line.objective)
        self.progress.advance(self.num_requests - line.requests_finished)

    @contextmanager
    def _remembering_failure(self) -> Iterator[None]:
        """Keep a failure to write, because Ray Tune passes only its text on."""
        try:
            yield
        except SparseHubError as error:
            self.failure = error
            raise

    def _line(self, live: _Live, result: dict[str, Any], error: bool) -> TrialLine:
        status = result.get("status", "error")
        finished = int(result.get("requests_finished", 0))
        reason = result.get("reason")
        if error or not result:
            status, reason = "error", reason or "the trial's actor failed before it reported"
        elif status == "running":
            status, reason = "pruned", f"stopped after {finished} of {self.num_requests} requests"
        return TrialLine(
            parameters=live.parameters,
            status=status,
            reason=reason,
            objective=result.get("objective"),
            error=result.get("error"),
            density=result.get("density"),
            io_density=result.get("io_density"),
            score=result.get("score"),
            requests_finished=finished,
            started=live.started,
            seconds=result.get("time_total_s", time.time() - live.started),
            worker=live.worker,
        )

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: trials.jsonl is what a search resumes from."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default", **kwargs: Any) -> None:
        """Save nothing."""
