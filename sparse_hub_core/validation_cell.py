"""The validation stage of one task: dense attention, and each winner beside it, on the same held-out requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.matrix import Matrix
from sparse_hub_core.model_run import ModelRun
from sparse_hub_core.optimizer_factory import create_optimizer
from sparse_hub_core.presets import DENSE
from sparse_hub_core.registry import Subset
from sparse_hub_core.report.rows import label
from sparse_hub_core.results.files import write_json, write_text
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import Best, ValidationFile, ValidationRequestLine
from sparse_hub_core.validation.run_validation import measure_latency, run_validation
from sparse_hub_core.validation.scores import check_scores
from sparse_hub_core.validation.verdict import Place, prediction_lines, verdict
from sparse_hub_core.workers.worker import Stage


@dataclass(frozen=True)
class TaskValidation:
    """Judges configurations on one task of one model; what an earlier process judged is not judged again."""

    runner: ModelRun
    task: str
    subset: Subset
    stage: Callable[[], Stage]
    """Returns the requests to validate on, prefilled; called only where something is left to judge."""

    @property
    def matrix(self) -> Matrix:
        """The run that the task belongs to."""
        return self.runner.matrix

    def dense(self, cell: CellDirectory, identity: str) -> ValidationFile:
        """Judge dense attention by itself.

        Raises:
            SparseHubError: A request failed, or the time limit was reached.
        """
        found = self._earlier(cell)
        if found is not None:
            return found
        return self._write(cell, identity, DENSE, self._lines(cell, None, DENSE), None, None)

    def winner(self, cell: CellDirectory, preset: str, identity: str, best: Best) -> ValidationFile:
        """Judge a winner beside dense attention.

        Raises:
            SparseHubError: A request failed, the time limit was reached, or dense attention's own validation failed.
        """
        found = self._earlier(cell)
        if found is not None:
            return found
        data = self.matrix.data_identity(self.task)
        if best.data != data:
            self.runner.progress.note(f"{self.task} was searched on {best.data} and is validated on {data}.")
        configs = winning_configs(self.matrix, preset, best)
        sparse = self._lines(cell, configs, label(preset, best))
        dense_cell = self.matrix.cell_directory(self.runner.source, self.task, DENSE)
        if not dense_cell.validation.exists():
            raise SparseHubError("Its dense baseline failed, so there is nothing to compare with.")
        done = dense_cell.read_requests()
        dense = [done[line.request_id] for line in sparse]
        return self._write(cell, identity, preset, dense, sparse, (configs, best))

    def _earlier(self, cell: CellDirectory) -> ValidationFile | None:
        found = cell.read_validation()
        if found is not None:
            self.runner.progress.skip(self.matrix.spec.validation.max_requests)
        return found

    def _lines(
        self, cell: CellDirectory, configs: Sequence[MaskerConfig] | None, title: str
    ) -> list[ValidationRequestLine]:
        runner, stage = self.runner, self.stage()
        runner.progress.stage(f"validate {runner.source.name}, {self.task}, {title}")
        timeout = self.matrix.spec.validation.timeout
        return run_validation(stage, configs, runner.pool, cell, timeout, runner.progress)

    def _write(
        self,
        cell: CellDirectory,
        identity: str,
        preset: str,
        dense: Sequence[ValidationRequestLine],
        sparse: Sequence[ValidationRequestLine] | None,
        searched: tuple[Sequence[MaskerConfig], Best] | None,
    ) -> ValidationFile:
        spec, stage = self.matrix.spec, self.stage()
        latency = None
        if searched is not None:
            latency = measure_latency(stage, searched[0], self.runner.pool, spec.validation.timeout)
        check_scores(self.subset, self.matrix.extra_metrics(self.subset), dense, sparse)
        place = Place(identity, self.runner.source.name, self.task, self.matrix.data_identity(self.task), preset)
        density_search = searched[1].density if searched else None
        judged = verdict(place, self.subset, stage, dense, sparse, density_search, latency, spec.seed)
        lines = prediction_lines(stage.requests, dense, sparse)
        write_text(cell.predictions, "".join(line.model_dump_json() + "\n" for line in lines))
        write_json(cell.validation, judged)
        return judged


def winning_configs(matrix: Matrix, preset: str, best: Best) -> list[MaskerConfig]:
    """Return the winner's configs; those of a best.json stand in the stack as they are."""
    optimizer = create_optimizer(matrix.stacks[preset], matrix.class_names)
    given = [entry for entry in optimizer.stack if isinstance(entry, MaskerConfig)]
    return given if len(given) == len(optimizer.stack) else optimizer.create_config_from_params(best.parameters)
