"""The search stage of one cell: what its search is about, and its winners as best.json files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sparse_hub_core.environment import versions
from sparse_hub_core.matrix import Matrix
from sparse_hub_core.model_run import ModelRun
from sparse_hub_core.optimizer_factory import Optimizer, create_optimizer
from sparse_hub_core.results.best import masker_records
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import Best
from sparse_hub_core.search.algorithm_options import create_algorithm
from sparse_hub_core.search.answer_book import AnswerBook
from sparse_hub_core.search.failure import SearchFailedError
from sparse_hub_core.search.run_search import run_search
from sparse_hub_core.search.search_task import Found, SearchTask
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.winner import Choice
from sparse_hub_core.search_plan import search_rungs, wanted_winners
from sparse_hub_core.traces.place import trace_dir
from sparse_hub_core.workers.worker import Stage


@dataclass(frozen=True)
class CellSearch:
    """One preset's search on one task of one model."""

    runner: ModelRun
    task: str
    preset: str
    cell: CellDirectory
    identity: str

    @property
    def matrix(self) -> Matrix:
        """The run that the cell belongs to."""
        return self.runner.matrix

    @property
    def optimizer(self) -> Optimizer:
        """The preset's stack."""
        return create_optimizer(self.matrix.stacks[self.preset], self.matrix.class_names)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What winners are searched for."""
        return wanted_winners(self.matrix, self.task)

    def earlier(self) -> list[Best] | None:
        """Return the winners of a search that ended, None where it did not."""
        found = [self.cell.target(target.name).read_best() for target in self.targets]
        whole = [best for best in found if best is not None]
        return whole if len(whole) == len(found) else None

    def run(self, stage: Stage) -> list[Best]:
        """Search, and write down the winners; what ended in an earlier process is not run again.

        Raises:
            SearchFailedError: There is no winner.
        """
        spec, registry = self.matrix.spec, self.matrix.registry
        algorithm = registry.get(registry.search_algorithms, spec.search_algorithm).load()
        search = SearchTask(
            self.task,
            self.optimizer,
            partial(create_algorithm, algorithm, options=spec.search_options),
            self.targets,
            search_rungs(spec.fidelity, self.optimizer, self.task),
            stage,
            self._answer_book(stage),
            self.matrix.warm_start(self.task, self.preset),
        )
        try:
            found = run_search(search, spec, self.runner.pool, self.cell, self.runner.progress)
        except SearchFailedError as error:
            raise SearchFailedError(f"{error} To search again, remove {self.cell.path}.") from error
        winners = [
            self._best(choice, target, found, stage)
            for choice, target in zip(found.choices, search.targets, strict=True)
            if choice is not None
        ]
        for best in winners:
            write_json(self.cell.target(best.target).best, best)
        self._tell_missing(found, search.targets)
        return winners

    def _answer_book(self, stage: Stage) -> AnswerBook:
        """Return where the machine keeps what requests of this task gave to any configuration."""
        measurement = self.matrix.measurement(self.runner.fingerprint, self.task)
        # Which layers are recorded depends on how many requests have to share the room.
        measurement["layers"] = None if stage.plan is None else list(stage.plan.layers)
        return AnswerBook.of(trace_dir(self.matrix.spec.trace_dir), measurement)

    def _tell_missing(self, found: Found, wanted: Sequence[Target]) -> None:
        """Say which budgets nothing keeps to.

        Raises:
            SearchFailedError: Nothing keeps to any.
        """
        missing = [target for choice, target in zip(found.choices, wanted, strict=True) if choice is None]
        if not missing:
            return
        tried = [line.measures for line in self.cell.read_trials() if line.measures is not None]
        nearest = min(tried, key=missing[-1].excess)
        budgets = "; or ".join(target.budget for target in missing)
        sentence = (
            f"No configuration keeps to {budgets}: the nearest that was tried has density {nearest.density:.2%} and "
            f"I/O density {nearest.io_density:.2%}; raise the limit, search more samples, or take a preset that can "
            "read less."
        )
        if len(missing) == len(wanted):
            raise SearchFailedError(sentence)
        self.runner.progress.note(f"{self.task}, {self.preset}: {sentence}")

    def _best(self, choice: Choice, target: Target, found: Found, stage: Stage) -> Best:
        matrix, spec, source = self.matrix, self.matrix.spec, self.runner.source
        measures, parameters = choice.winner.measures, choice.winner.parameters
        return Best(
            cell_identity=self.identity,
            model=source.name,
            model_source=source.reference,
            model_revision=source.revision,
            task=self.task,
            data=matrix.data_identity(self.task),
            preset=self.preset,
            maskers=masker_records(matrix.registry, self.optimizer.create_config_from_params(parameters)),
            parameters=parameters,
            objective_name=spec.objective,
            objective=target.plain(measures),
            error=measures.error,
            density=measures.density,
            io_density=measures.io_density,
            score=measures.score,
            fidelity=found.top.fidelity,
            target=target.name,
            budget=target.budget,
            num_tied=choice.num_tied,
            correlations=list(found.correlations),
            num_requests=len(stage.requests),
            truncated_requests=sum(prepared.is_truncated for prepared in stage.requests),
            search_settings=spec.search.model_dump(mode="json"),
            validation_settings=spec.validation.model_dump(mode="json"),
            seed=spec.seed,
            device=matrix.device,
            dtype=matrix.dtype,
            versions=versions(matrix.registry),
        )
