"""What TensorBoard shows of a cell: its trials as curves and as rows of hyperparameters, and its validation."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

from sparse_hub_core import Best, CellPlace, CellSummary, TrialLine, ValidationFile
from sparse_hub_tensorboard.events import append, document, is_written, scalars, session, write

MEASURES = ("objective", "error", "density", "io_density", "score")
IDENTITY = "identity.txt"


def write_trial(cell: CellPlace, trial: TrialLine, index: int, number: int) -> None:
    """Add a trial to its rung's curves, and write its row of hyperparameters."""
    folder = _folder(cell)
    append(folder, _points(trial, number))
    _write_row(folder, trial, index)


def write_cell(cell: CellPlace, rows: Sequence[CellSummary]) -> None:
    """Write how a cell was validated, and whatever is missing or twice of its trials.

    The plugin may not have been there yet or have failed, or a process was killed while it wrote.
    """
    trials = cell.trials()
    if trials:
        folder, numbers, points = _folder(cell), Counter[str](), []
        for index, trial in enumerate(trials, 1):
            numbers[trial.fidelity] += trial.status != "infeasible"
            points += _points(trial, numbers[trial.fidelity])
            _write_row(folder, trial, index)
        write(folder, points)
    for row in rows:
        if row.validation is not None:
            _write_validation(cell, row.target, row.validation, row.best)


def _points(trial: TrialLine, number: int) -> list[Event]:
    measured = {f"{trial.fidelity}/{name}": getattr(trial, name) for name in MEASURES}
    return scalars(measured, number, trial.started + trial.seconds)


def _write_row(folder: Path, trial: TrialLine, index: int) -> None:
    row = folder / "trials" / f"{index:04d}-{trial.fidelity}"
    if is_written(row):
        return
    parameters = {**trial.parameters, "fidelity": trial.fidelity, "status": trial.status}
    measured = {name: getattr(trial, name) for name in MEASURES}
    write(row, _row(parameters, measured, trial.started + trial.seconds))


def _write_validation(cell: CellPlace, target: str, validation: ValidationFile, best: Best | None) -> None:
    folder, name = _folder(cell), "-".join(filter(None, ["validation", target]))
    if is_written(folder / name):
        return
    ended, measured = time.time(), _measured(validation)
    events = scalars({f"validation/{name}": value for name, value in measured.items()}, 0, ended)
    for layer, error in validation.error_by_layer.items():
        events += scalars({"validation/error_by_layer": error}, layer, ended)
    if best is not None:
        content = best.model_dump_json(indent=2, include={"preset", "target", "budget", "maskers"})
        events += document("configuration", _as_code(content), ended)
        parameters = {**best.parameters, "fidelity": "validation", "status": "ok"}
        row = _row(parameters, {**measured, "score": measured.get("sparse_score")}, ended)
        write(folder / "trials" / name, row)
    write(folder / name, events)


def _row(parameters: Mapping[str, object], measured: Mapping[str, float | None], ended: float) -> list[Event]:
    return session(parameters, {f"trial/{name}": measured.get(name) for name in MEASURES}, ended)


def _measured(validation: ValidationFile) -> dict[str, float | None]:
    intervals = {
        "dense_score": validation.dense,
        "sparse_score": validation.sparse,
        "difference": validation.difference,
    }
    found: dict[str, float | None] = {}
    for name, interval in intervals.items():
        if interval is not None:
            found |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {
        **found,
        "error": validation.error_mean,
        "density": validation.density_validation,
        "io_density": validation.io_density_validation,
    }


def _as_code(content: str) -> str:
    """Return text that Markdown shows as it is, whatever is in it."""
    return "\n".join(f"    {line}" for line in content.splitlines())


def _folder(cell: CellPlace) -> Path:
    """Return where a cell's events are; those of results that were moved aside are, too, and come back with them."""
    folder = cell.run / "tensorboard" / cell.folder.relative_to(cell.run)
    marker = folder / IDENTITY
    found = marker.read_text() if marker.exists() else None
    if found == cell.identity:
        return folder
    if found is not None:
        folder.rename(folder.with_name(f"{folder.name}.{found[:8]}"))
    earlier = folder.with_name(f"{folder.name}.{cell.identity[:8]}")
    if earlier.exists():
        earlier.rename(folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(cell.identity)
    return folder
