"""Cell by cell: the effects of a run. Models are loaded and prefixes prefilled only when a cell needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Literal

from sparse_hub_core.build_matrix import places
from sparse_hub_core.data.parts import Part
from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.lookup import get_task
from sparse_hub_core.matrix import Matrix, StageName
from sparse_hub_core.model_run import ModelRun
from sparse_hub_core.preparation import prepare_requests
from sparse_hub_core.presets import DENSE
from sparse_hub_core.progress import Progress
from sparse_hub_core.results.resumed import resumed_sentence
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import Best, CellSummary, NoWinner, TrialLine, ValidationFile
from sparse_hub_core.results.summary import trial_counts
from sparse_hub_core.search.failure import SearchFailedError
from sparse_hub_core.search_cell import CellSearch
from sparse_hub_core.search_plan import expected_run_work, expected_search_work
from sparse_hub_core.traces.place import trace_dir
from sparse_hub_core.traces.plan import gigabytes
from sparse_hub_core.validation_cell import TaskValidation
from sparse_hub_core.wording import count
from sparse_hub_core.workers.recording import plan_recording, record_requests
from sparse_hub_core.workers.worker import Stage


def run_cells(
    matrix: Matrix, progress: Progress, stages: tuple[StageName, ...], given: Best | None = None
) -> list[CellSummary]:
    """Run all cells of a matrix and return how each ended; a cell that fails does not stop the others."""
    progress.begin(expected_run_work(matrix, stages, given))
    for model, task, preset in places(matrix, stages):
        progress.cell([CellSummary(model=model.name, task=task, preset=preset, status="waiting")])
    summaries: list[CellSummary] = []
    for model in matrix.models:
        with ExitStack() as resources:
            runner = ModelRun(matrix, model, progress, stages, given, resources)
            for task in matrix.tasks:
                summaries += _TaskRun(runner, task).run()
    progress.end()
    return summaries


class _TaskRun:
    """One task of one model: requests and dense baseline are shared by its presets."""

    def __init__(self, runner: ModelRun, task: str) -> None:
        self.runner = runner
        self.matrix = runner.matrix
        self.task = task
        subset = get_task(self.matrix.registry, task).subset
        self.validation = TaskValidation(runner, task, subset, partial(self._stage, "validation"))
        self._stages: dict[Part, Stage] = {}
        self._prefilled: set[Part] = set()
        self._told: set[str] = set()

    def run(self) -> list[CellSummary]:
        presets = [preset for _, task, preset in places(self.matrix, self.runner.stages) if task == self.task]
        summaries = []
        for preset in dict.fromkeys(presets):
            place = {"model": self.runner.source.name, "task": self.task, "preset": preset}
            self.runner.progress.cell([CellSummary(**place, status="running")])
            rows = self._guarded(preset)
            self.runner.progress.cell(rows)
            summaries += rows
        return summaries

    def _guarded(self, preset: str) -> list[CellSummary]:
        """Run a cell and return a row for each winner; a failure is a row too, and the other cells go on."""
        cell = self.matrix.cell_directory(self.runner.source, self.task, preset)
        with self._failures_told(preset) as failure:
            identity = cell.open(self.matrix.identity(self.runner.fingerprint, self.task, preset))
            if preset == DENSE:
                return [self._row(cell, preset, None, self.validation.dense(cell, identity))]
            given = self.runner.given
            outcomes = [given] if given else self._search(cell, preset, identity)
            return [self._judged(cell, preset, identity, outcome) for outcome in outcomes]
        return [self._row(cell, preset, None, None, failure.get("reason"))]

    def _judged(self, cell: CellDirectory, preset: str, identity: str, outcome: Best | NoWinner) -> CellSummary:
        """Validate one winner, where there is one and that is asked for."""
        best = outcome if isinstance(outcome, Best) else None
        validation: ValidationFile | None = None
        with self._failures_told(preset) as failure:
            if isinstance(outcome, NoWinner):
                raise SearchFailedError(outcome.reason)
            if "validate" in self.runner.stages:
                place = cell if self.runner.given else cell.target(outcome.target)
                validation = self.validation.winner(place, preset, identity, outcome)
        return self._row(cell, preset, best, validation, failure.get("reason"), outcome.target)

    @contextmanager
    def _failures_told(self, preset: str) -> Iterator[dict[str, str]]:
        """Turn what the block raises into a reason, told once."""
        failure: dict[str, str] = {}
        try:
            yield failure
        except Exception as error:
            # Benchmarks, objectives and search algorithms of third parties may raise anything; the other cells go on.
            reason = str(error) if isinstance(error, SparseHubError) else f"{type(error).__name__}: {error}"
            failure["reason"] = reason
            if reason not in self._told:
                self.runner.progress.note(f"{self.runner.source.name}, {self.task}, {preset} failed: {reason}")
                self._told.add(reason)

    def _row(
        self,
        cell: CellDirectory,
        preset: str,
        best: Best | None,
        validation: ValidationFile | None,
        reason: str | None = None,
        target: str = "",
    ) -> CellSummary:
        trials: list[TrialLine] = []
        with suppress(SparseHubError):
            trials = cell.read_trials()
        status: Literal["done", "failed", "searched"] = "done" if validation else "searched"
        return CellSummary(
            model=self.runner.source.name,
            task=self.task,
            preset=preset,
            target=target,
            status="failed" if reason else status,
            reason=reason,
            **trial_counts(trials),
            num_samples=self.matrix.spec.num_samples if trials and trials[0].parameters else None,
            best=best,
            validation=validation,
        )

    def _stage(self, part: Part) -> Stage:
        """Return the requests of a stage, their prefixes prefilled once for all cells."""
        if not self._stages:
            # All parts before the first model is loaded: a length that is too short is told at once.
            self._stages = {needed: self._requests(needed) for needed in self._parts()}
        stage = self._stages[part]
        if part not in self._prefilled:
            timeout = self.matrix.spec.search.timeout if part == "search" else self.matrix.spec.validation.timeout
            if part == "search" and self.matrix.spec.fidelity != "F3":
                stage = self._stages[part] = self._planned(stage)
            record_requests(stage, self.runner.pool, timeout)
            self._prefilled.add(part)
        return stage

    def _parts(self) -> list[Part]:
        stages, runner = self.runner.stages, self.runner
        is_searched = "search" in stages and runner.given is None and self.matrix.searched
        searched: list[Part] = ["search"] if is_searched else []
        return [*searched, "validation"] if "validate" in stages else searched

    def _requests(self, part: Part) -> Stage:
        spec, runner = self.matrix.spec, self.runner
        settings = spec.search if part == "search" else spec.validation
        benchmark = self.matrix.benchmark(self.task)
        runner.progress.stage(f"prepare {runner.source.name}, {self.task}, {part} requests")
        length, wanted = settings.max_context_length, settings.max_requests
        requests = prepare_requests(benchmark, self.task, runner.tokenizer, part, length, wanted, spec.seed)
        self.matrix.check_unchanged(self.task)
        if len(requests) < wanted:
            runner.progress.note(f"{self.task} has {count(len(requests), 'request')} for {part}, fewer than {wanted}.")
        return Stage(self.task, benchmark, requests, settings.max_new_tokens)

    def _planned(self, stage: Stage) -> Stage:
        """Return a search stage with what is to be recorded of its requests, and say how much that takes."""
        runner = self.runner
        plan = plan_recording(stage, runner.pool, self.matrix.spec.search.timeout)
        if plan.is_recorded:
            return replace(stage, plan=plan)
        layers = ""
        if plan.wanted_bytes > plan.num_bytes:
            layers = f" of {len(plan.layers)} layers, as all would take {gigabytes(plan.wanted_bytes)}"
        place = trace_dir(self.matrix.spec.trace_dir)
        requests = count(len(stage.requests), "request")
        runner.progress.stage(
            f"record {runner.source.name}, {self.task}: traces of {requests}{layers}, at most "
            f"{gigabytes(plan.num_bytes)} in {place}"
        )
        return replace(stage, plan=plan)

    def _search(self, cell: CellDirectory, preset: str, identity: str) -> list[Best | NoWinner]:
        runner = self.runner
        search = CellSearch(runner, self.task, preset, cell, identity)
        found = search.earlier()
        if found is not None:
            runner.progress.skip(expected_search_work(self.matrix, self.task, preset))
            return found
        resumed = resumed_sentence(cell.read_trials(), self.task, preset)
        if resumed is not None:
            runner.progress.note(resumed)
        stage = self._stage("search")
        runner.progress.stage(f"search {runner.source.name}, {self.task}, {preset}")
        return search.run(stage)
