"""The arms of a comparison: what each winner of some runs answered, by model and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sparse_hub_core.errors import UsageError
from sparse_hub_core.presets import DENSE
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.results.files import read_json, read_lines
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import CellFile, PredictionLine, RunFile
from sparse_hub_core.results.summary import load_summary
from sparse_hub_core.validation.comparison import Answers, answers_of

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary, ValidationFile

Question: TypeAlias = tuple[str, int]
"""The id of a request, and which of its questions."""


@dataclass(frozen=True)
class Arm:
    """A winner of one run, with its answers and dense attention's."""

    run: str
    name: str
    """Unlike that of any other arm."""
    cell: CellSummary
    validation: ValidationFile
    sparse: Answers
    dense: Answers
    references: Mapping[Question, tuple[str, ...]]

    def on(self, questions: frozenset[Question]) -> Arm:
        """Return the arm with some of its questions only."""
        sparse, dense = (
            replace(side, scores={key: score for key, score in side.scores.items() if key in questions})
            for side in (self.sparse, self.dense)
        )
        return replace(self, sparse=sparse, dense=dense)


@dataclass(frozen=True)
class Source:
    """A run that is compared."""

    name: str
    path: Path
    seed: int
    hardware: Mapping[str, Any]
    arms: tuple[Arm, ...]
    conditions: Mapping[tuple[str, str], Mapping[str, Any]]
    """Of each model and task, what else than the configuration changes a score."""


def read_sources(directories: Sequence[Path]) -> list[Source]:
    """Return the runs with their arms; names tell runs apart where there are several.

    Raises:
        UsageError: A file is missing, damaged, or of another version; or a run is named twice.
    """
    if len({path.resolve() for path in directories}) < len(directories):
        raise UsageError("A run is named twice; its presets are compared with each other where it is named once.")
    names = _names([path.resolve() for path in directories])
    return [_source(path, name, len(directories) > 1) for path, name in zip(directories, names, strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the ids, or as much of the paths as tells those of one id apart."""
    length, names = 1, [path.name for path in paths]
    while len(set(names)) < len(names):
        length += 1
        names = ["/".join(path.parts[-length:]) for path in paths]
    return names


def _source(path: Path, name: str, is_one_of_several: bool) -> Source:
    run = RunDirectory(path)
    run_file = read_json(run.run_file, RunFile)
    cells = load_summary(path).cells
    arms = [
        _arm(run, cell, name, f"{name} {cell_label(cell)}" if is_one_of_several else cell_label(cell))
        for cell in cells
        if cell.preset != DENSE and cell.validation is not None
    ]
    places = dict.fromkeys((arm.cell.model, arm.cell.task) for arm in arms)
    conditions = {place: _conditions(run, *place) for place in places}
    return Source(name, path, run_file.seed, run_file.hardware, tuple(arms), conditions)


def _arm(run: RunDirectory, cell: CellSummary, run_name: str, name: str) -> Arm:
    folder = run.cell(cell.model, cell.task, cell.preset).target(cell.target)
    if not folder.predictions.exists():
        raise UsageError(f"{folder.predictions} is missing, so {name} cannot be compared; validate it again.")
    lines = read_lines(folder.predictions, PredictionLine)
    assert cell.validation is not None
    return Arm(
        run=run_name,
        name=name,
        cell=cell,
        validation=cell.validation,
        sparse=answers_of(lines, "sparse", name),
        dense=answers_of(lines, "dense", f"dense attention in {run_name}"),
        references={(line.request_id, line.question_index): tuple(line.references) for line in lines},
    )


def _conditions(run: RunDirectory, model: str, task: str) -> dict[str, Any]:
    """Return what dense attention's cell says that its scores depend on, by the name of each part."""
    file = run.cell(model, task, DENSE).cell_file
    return _flat(read_json(file, CellFile).content) if file.exists() else {}


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found
