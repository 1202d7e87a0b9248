"""The search stage of one cell: what its search is about, and its winners as best.json files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sparse_hub_core.environment import versions
from sparse_hub_core.matrix import Matrix
from sparse_hub_core.model_run import ModelRun
from sparse_hub_core.optimizer_factory import Optimizer, create_optimizer
from sparse_hub_core.results.best import masker_records
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import Best, NoWinner
from sparse_hub_core.search.algorithm_options import create_algorithm
from sparse_hub_core.search.answer_book import AnswerBook
from sparse_hub_core.search.failure import SearchFailedError
from sparse_hub_core.search.run_search import run_search
from sparse_hub_core.search.search_task import Found, SearchTask
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.winner import Choice
from sparse_hub_core.search_plan import search_rungs, wanted_winners
from sparse_hub_core.traces.place import trace_dir
from sparse_hub_core.wording import count
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

    def earlier(self) -> list[Best | NoWinner] | None:
        """Return what a search that ended found for each target, None where it did not end."""
        found = [self.cell.target(target.name).read_outcome() for target in self.targets]
        whole = [outcome for outcome in found if outcome is not None]
        return whole if len(whole) == len(found) else None

    def run(self, stage: Stage) -> list[Best | NoWinner]:
        """Search, and write down what was found for each target; what ended in an earlier process is not run again.

        Raises:
            SearchFailedError: No trial ended well.
        """
        spec, registry = self.matrix.spec, self.matrix.registry
        algorithm = registry.get(registry.search_algorithms, spec.search_algorithm).load()
        taken_over = self.matrix.warm_start(self.task, self.preset)
        if spec.warm_start:
            given = count(len(taken_over), "configuration")
            self.runner.progress.note(f"{self.task}, {self.preset}: --warm-start gives {given} to try first.")
        search = SearchTask(
            self.task,
            self.optimizer,
            partial(create_algorithm, algorithm, options=spec.search_options),
            self.targets,
            search_rungs(spec.fidelity, self.optimizer, self.task),
            stage,
            self._answer_book(stage),
            taken_over,
        )
        try:
            found = run_search(search, spec, self.runner.pool, self.cell, self.runner.progress)
        except SearchFailedError as error:
            raise SearchFailedError(f"{error} To search again, remove {self.cell.path}.") from error
        outcomes: list[Best | NoWinner] = []
        for choice, target in zip(found.choices, search.targets, strict=True):
            place = self.cell.target(target.name)
            if choice is None:
                outcomes.append(self._no_winner(target, found))
                write_json(place.no_winner, outcomes[-1])
            else:
                outcomes.append(self._best(choice, target, found, stage))
                write_json(place.best, outcomes[-1])
        return outcomes

    def _answer_book(self, stage: Stage) -> AnswerBook:
        """Return where the machine keeps what requests of this task gave to any configuration."""
        measurement = self.matrix.measurement(self.runner.fingerprint, self.task)
        # Which layers are recorded depends on how many requests have to share the room.
        measurement["layers"] = None if stage.plan is None else list(stage.plan.layers)
        return AnswerBook.of(trace_dir(self.matrix.spec.trace_dir), measurement)

    def _no_winner(self, target: Target, found: Found) -> NoWinner:
        """Say that nothing keeps to a budget, and how near it came at the rung where winners are chosen."""
        lines = [line for line in self.cell.read_trials() if line.fidelity == found.top.fidelity]
        nearest = min((line.measures for line in lines if line.measures is not None), key=target.excess)
        reason = (
            f"No configuration keeps to {target.budget}: the nearest at {found.top.fidelity} has density "
            f"{nearest.density:.2%} and I/O density {nearest.io_density:.2%}; raise the limit, search more samples, or "
            "take a preset that can read less."
        )
        return NoWinner(target=target.name, reason=reason)

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
