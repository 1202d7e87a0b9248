"""One cell of a run in words and numbers, for the screen and for the HTML report alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparse_hub_core.lookup import SAMPLE_SUFFIX
from sparse_hub_core.report.numbers import NOTHING, p_value, sample, with_sample
from sparse_hub_core.report.trials import TRIAL_STATUS
from sparse_hub_core.report.verdicts import adjusted_p_values, verdict
from sparse_hub_core.results.schema import STATUSES
from sparse_hub_core.wording import by_fidelity

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import Best, CellSummary, Interval, Scores, ValidationFile


@dataclass(frozen=True)
class Row:
    """A cell as it is shown; "-" stands for what was not measured."""

    preset: str
    task: str
    model: str
    score: str
    dense: str
    difference: str
    p_value: str
    verdict: str
    density: str
    io_density: str
    error: str
    latency: str
    trials: str


HEADINGS = {
    "preset": "preset",
    "task": "task",
    "model": "model",
    "score": "score ± standard error",
    "dense": "dense score",
    "difference": "difference [95% interval]",
    "p_value": "p (adjusted)",
    "verdict": "verdict",
    "density": "density search/validation",
    "io_density": "I/O density",
    "error": "error mean/p95",
    "latency": "ms/token sparse/dense",
    "trials": "trials",
}


PLACE = ("preset", "task", "model")
VERDICTS = (*PLACE, "score", "dense", "difference", "p_value", "verdict")
COSTS = (*PLACE, "density", "io_density", "error", "latency", "trials")


def summary_table(
    cells: Sequence[CellSummary], columns: Sequence[str] = tuple(HEADINGS)
) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows; columns that would say the same in every row, or nothing, are left out."""
    rows = cell_rows(cells)
    shown = [name for name in columns if is_telling(name, [getattr(row, name) for row in rows])]
    return [HEADINGS[name] for name in shown], [[getattr(row, name) for name in shown] for row in rows]


def is_telling(name: str, values: Sequence[str]) -> bool:
    """Return whether a column is worth showing: it says something, and not the same task or model in every row."""
    if name in ("task", "model"):
        # A sample is named in every table, even where it is the only task.
        return len(set(values)) > 1 or any(value.endswith(SAMPLE_SUFFIX) for value in values)
    return any(value != NOTHING for value in values)


def label(preset: str, best: Best | None) -> str:
    """Return what tells a winner from others of the same preset: "local_sink, density <= 5%"."""
    return f"{preset}, {best.budget.replace('at most', '<=')}" if best and best.budget else preset


def cell_label(cell: CellSummary) -> str:
    """Return the preset of a cell, and what its winner has to keep to."""
    density = cell.target.removeprefix("density-")
    if cell.best is None and density != cell.target:
        return f"{cell.preset}, density <= {density}%"
    return label(cell.preset, cell.best)


def cell_rows(cells: Sequence[CellSummary]) -> list[Row]:
    """Return the cells of a run as they are shown, their p-values adjusted over those of the same model and task."""
    return [cell_row(cell, adjusted) for cell, adjusted in zip(cells, adjusted_p_values(cells), strict=True)]


def cell_row(cell: CellSummary, adjusted_p: float | None = None) -> Row:
    """Return one cell as it is shown; its p-value is to be adjusted where others were looked at with it."""
    judged = cell.validation
    return Row(
        preset=cell_label(cell),
        task=cell.task,
        model=cell.model,
        score=_with_error(judged.sparse or judged.dense) if judged else NOTHING,
        dense=_score(judged.dense) if judged else NOTHING,
        difference=_difference(judged),
        p_value=p_value(adjusted_p),
        verdict=verdict(cell, adjusted_p),
        density=_density(cell),
        io_density=_share(judged.io_density_validation) if judged else NOTHING,
        error=_pair(judged.error_mean, judged.error_p95, ".4g") if judged else NOTHING,
        latency=_latency(judged),
        trials=_trials(cell),
    )


def _trials(cell: CellSummary) -> str:
    """Return how many configurations ran at which fidelity, and how many did not end well."""
    ran = by_fidelity(cell.fidelities)
    told = [name for name in STATUSES if name in cell.trials and not (ran and name == "ok")]
    ended = [f"{cell.trials[name]} {TRIAL_STATUS[name]}" for name in told]
    return "; ".join(part for part in (ran, ", ".join(ended)) if part) or NOTHING


FURTHER = ["preset", "task", "model", "score of", "score ± standard error", "dense score", "difference [95% interval]"]


def further_scores(cells: Sequence[CellSummary]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of the further metrics and of the strata of all cells."""
    rows = []
    for cell in cells:
        judged = cell.validation
        named: list[tuple[str, Scores]] = []
        if judged is not None:
            named += [(scores.metric, scores) for scores in judged.other_scores]
            named += [(f"{scores.group}: {scores.stratum}", scores) for scores in judged.strata if scores.dense]
        for name, scores in named:
            place = [cell_label(cell), cell.task, cell.model, name]
            shown = (
                _with_error(scores.sparse or scores.dense),
                _score(scores.dense),
                with_sample(scores.difference, "+"),
            )
            rows.append([*place, *shown])
    return FURTHER, rows


def failures(cells: Sequence[CellSummary]) -> list[str]:
    """Return a sentence per failed cell; presets of a task that failed for one reason share it."""
    presets: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        if cell.status == "failed":
            place = (cell.model, cell.task, cell.reason or "no reason was given.")
            presets.setdefault(place, []).append(cell_label(cell))
    return [f"{model}, {task}, {', '.join(names)}: {reason}" for (model, task, reason), names in presets.items()]


def _score(interval: Interval | None) -> str:
    return NOTHING if interval is None else f"{interval.mean:.4g}"


def _with_error(interval: Interval | None) -> str:
    if interval is None or interval.standard_error is None:
        return _score(interval)
    return f"{interval.mean:.4g} ± {interval.standard_error:.2g}"


def _difference(judged: ValidationFile | None) -> str:
    if judged is not None and judged.difference is None and judged.dense is not None:
        return sample(judged.dense)
    return NOTHING if judged is None else with_sample(judged.difference, "+")


def _density(cell: CellSummary) -> str:
    judged, best = cell.validation, cell.best
    if judged is not None and judged.density_validation is not None:
        return _pair(judged.density_search, judged.density_validation, ".2%")
    return _pair(best.density, None, ".2%") if best else NOTHING


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2%}"


def _latency(judged: ValidationFile | None) -> str:
    if judged is None or judged.latency is None:
        return NOTHING
    lat = judged.latency
    return f"{lat.sparse_ms_per_token:.3g} / {lat.dense_ms_per_token:.3g} at {lat.context_tokens} tokens"


def _pair(first: float | None, second: float | None, form: str) -> str:
    if first is None and second is None:
        return NOTHING
    return " / ".join(NOTHING if value is None else format(value, form) for value in (first, second))
