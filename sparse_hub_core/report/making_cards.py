"""From the validated winners of a run to result cards, which name no folder and no person of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sparse_hub_core.errors import UsageError
from sparse_hub_core.lookup import get_task
from sparse_hub_core.report.portable import portable, portable_masker
from sparse_hub_core.report.verdicts import among_winners
from sparse_hub_core.results.card import (
    Card,
    CardConfiguration,
    CardLimits,
    CardMeasurement,
    CardModel,
    CardQuestion,
    CardResults,
    CardSearch,
    CardTask,
)
from sparse_hub_core.results.files import read_json, read_lines
from sparse_hub_core.results.run_directory import CellDirectory, RunDirectory, path_part
from sparse_hub_core.results.schema import (
    Best,
    CellFile,
    CellSummary,
    PredictionLine,
    RunFile,
    SummaryFile,
    ValidationFile,
)

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry

COMMAND = "sparse-hub validate card.json"


@dataclass(frozen=True)
class Winner:
    """A configuration that a run judged, and the files that tell of it."""

    folder: CellDirectory
    best: Best
    validation: ValidationFile
    run: RunFile
    cell: CellFile
    rows: list[CellSummary]
    """Of its run's summary."""

    @property
    def name(self) -> str:
        """What tells it from the other winners of its run."""
        best = self.best
        parts = (best.model, best.task, best.preset, best.target)
        return "--".join(path_part(part) for part in parts if part)


def validated_winners(path: Path) -> list[Winner]:
    """Return the validated winners of a run's folder, of a cell's folder, or that of a best.json.

    Raises:
        UsageError: There is none, or one of their files is damaged.
    """
    if path.is_dir() and RunDirectory(path).run_file.exists():
        found = [winner for folder in _winning_folders(path) if (winner := _winner(folder, path)) is not None]
        if not found:
            raise UsageError(f"{path} has no validated winner yet; run the same command again to go on.")
        return found
    folder = path if path.is_dir() else path.parent
    if not path.exists() or (path.is_file() and path.name not in ("best.json", "validation.json")):
        raise UsageError(f"{path} is no run, no cell's folder and no best.json; name one of them.")
    run = next((parent for parent in folder.resolve().parents if RunDirectory(parent).run_file.exists()), None)
    winner = None if run is None else _winner(folder.resolve(), run)
    if winner is None:
        raise UsageError(
            f"{folder} holds no validated winner of a run; sparse-hub validate judges a best.json, and then its folder "
            "has one."
        )
    return [winner]


def _winning_folders(run: Path) -> Iterator[Path]:
    """Yield the folders with a verdict, those of several winners of one search too; what was moved aside is not one."""
    for row in _rows(run):
        folder = RunDirectory(run).best(row).parent
        # A winner among several that was judged by itself is kept in the cell.
        yield folder if folder.exists() else folder.parent


def _winner(folder: Path, run: Path) -> Winner | None:
    validation = CellDirectory(folder).read_validation()
    best = CellDirectory(folder).read_best() or _given(folder, run)
    cell = next((place for place in map(CellDirectory, (folder, folder.parent)) if place.cell_file.exists()), None)
    if validation is None or best is None or cell is None:
        return None
    return Winner(
        CellDirectory(folder),
        best,
        validation,
        read_json(RunDirectory(run).run_file, RunFile),
        read_json(cell.cell_file, CellFile),
        _rows(run),
    )


def _rows(run: Path) -> list[CellSummary]:
    summary = RunDirectory(run).summary
    return read_json(summary, SummaryFile).cells if summary.exists() else []


def _given(folder: Path, run: Path) -> Best | None:
    """Return the winner that was validated by itself, which only the summary holds."""
    for row in _rows(run):
        if row.best is not None and RunDirectory(run).cell(row.model, row.task, row.preset).path == folder:
            return row.best
    return None


def make_card(winner: Winner, registry: Registry) -> Card:
    """Return the card of a winner.

    Raises:
        UsageError: Its predictions are gone, its task is not installed, or a card cannot hold what a file says.
    """
    try:
        return _card(winner, registry)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise UsageError(f"{winner.folder.path} cannot become a card: {place}: {detail['msg'].lower()}.") from error


def _card(winner: Winner, registry: Registry) -> Card:
    best, judged, content = winner.best, winner.validation, winner.cell.content
    # A run that went on after an upgrade keeps the cells that were measured before it.
    versions = winner.run.versions | content.get("versions", {})
    task = get_task(registry, best.task)
    origin = task.entry.provenance
    lines = read_lines(winner.folder.predictions, PredictionLine)
    if not lines:
        raise UsageError(f"{winner.folder.predictions} holds no prediction; validate the winner again.")
    num_winners, adjusted_p = among_winners(winner.rows, best)
    is_folder = Path(best.model_source).is_absolute()
    return Card(
        cell_identity=best.cell_identity,
        model=CardModel(
            name=best.model,
            source=None if is_folder else best.model_source,
            revision=best.model_revision,
            fingerprint=content["model"],
        ),
        task=CardTask(
            name=best.task,
            distribution=origin.distribution,
            distribution_version=versions.get(origin.distribution, origin.version),
            benchmark_version=content["benchmark_version"],
            data=judged.data,
            metric=judged.metric,
            higher_is_better=judged.higher_is_better,
            score_range=judged.score_range or task.subset.score_range,
            licence=task.subset.licence,
        ),
        configuration=CardConfiguration(
            preset=best.preset,
            target=best.target,
            budget=best.budget,
            maskers=[portable_masker(record, registry, versions) for record in best.maskers],
            parameters=portable(best.parameters, {}),
        ),
        search=CardSearch(
            settings=CardLimits(**best.search_settings),
            objective_name=best.objective_name,
            objective=best.objective,
            error=best.error,
            density=best.density,
            io_density=best.io_density,
            score=best.score,
            fidelity=best.fidelity,
            num_requests=best.num_requests,
            num_tied=best.num_tied,
        ),
        validation=CardMeasurement(
            settings=CardLimits(**content["validation"]),
            seed=content["seed"],
            device=content["device"],
            dtype=content["dtype"],
        ),
        results=CardResults(
            dense=judged.dense,
            sparse=judged.sparse,
            difference=judged.difference,
            p_value=judged.p_value,
            test=judged.test,
            num_winners=num_winners,
            adjusted_p=adjusted_p,
            density=judged.density_validation,
            io_density=judged.io_density_validation,
            error_mean=judged.error_mean,
            error_p95=judged.error_p95,
            error_by_layer=judged.error_by_layer,
            num_requests=judged.num_requests,
            truncated_requests=judged.truncated_requests,
        ),
        questions=questions(lines),
        versions=versions,
        code=code(content),
        hardware=winner.run.hardware,
        command=COMMAND,
    )


def questions(lines: list[PredictionLine]) -> list[CardQuestion]:
    """Return what a card says of predictions: their scores, and digests of their texts."""
    return [
        CardQuestion(
            request_id=line.request_id,
            question_index=line.question_index,
            dense_score=line.dense_score,
            sparse_score=line.sparse_score,
            dense_sha256=hashlib.sha256(line.dense_prediction.encode()).hexdigest(),
            sparse_sha256=hashlib.sha256((line.sparse_prediction or "").encode()).hexdigest(),
        )
        for line in lines
    ]


def code(content: dict[str, Any]) -> dict[str, str]:
    """Return the digests of the code that a validation depends on, from what identifies its cell."""
    stack = {prefix: digest for prefix, _, digest in content.get("stack", [])}
    return {part: content["code"][part] for part in ("core", "benchmark")} | stack
