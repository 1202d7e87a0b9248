"""Where the numbers of a run must not be taken at their word."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparse_hub_core.report.doubts import HARDLY_DONE, OVER_HALF, READS_MORE, hardly_done, over_half, reads_more
from sparse_hub_core.report.numbers import p_value
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.report.verdicts import adjusted_p_values, is_told
from sparse_hub_core.results.schema import Interval
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.report.files import CellFiles, RunFiles
    from sparse_hub_core.results.schema import Best
    from sparse_hub_core.spec import Spec

SHIFT = 0.1
"""A density that changes by less than this share of itself is called the same."""


@dataclass(frozen=True)
class Caution:
    """One kind of warning, what it means, and where it holds."""

    kind: str
    meaning: str
    places: tuple[str, ...]


def cautions(run: RunFiles) -> list[Caution]:
    """Return the warnings about the winners of a run, those of one kind together."""
    rows = [files for task in run.tasks for files in task.cells]
    adjusted = dict(zip(map(id, rows), adjusted_p_values(run.cells), strict=True))
    kinds: dict[tuple[str, str], Callable[[CellFiles], list[str]]] = {
        READS_MORE: lambda files: reads_more(files.cell),
        HARDLY_DONE: lambda files: hardly_done(files.cell.validation),
        OVER_BUDGET: lambda files: _over_budget(files, run.spec),
        OVER_HALF: lambda files: over_half(files.cell),
        TOO_FEW: lambda files: _too_few(files, adjusted[id(files)]),
        DISAGREE: _disagreement,
        SHIFTS: _density_shift,
    }
    found = []
    for (kind, meaning), judge in kinds.items():
        # What is said of dense attention is said once of each task.
        where = _task if kind == HARDLY_DONE[0] else _place
        places = dict.fromkeys(f"{where(files, run)}: {told}" for files in rows for told in judge(files))
        if places:
            found.append(Caution(kind, meaning, tuple(places)))
    return found


OVER_BUDGET = "Over the budget", "The winner reads more than it was allowed to."
TOO_FEW = (
    "n too small to tell",
    "The run cannot tell these from dense attention. That does not say that they are as good: what the 95% interval "
    "holds is all possible.",
)
DISAGREE = (
    "Search and validation disagree",
    "The search measured what is unlikely after the validation: beyond the validation's 95% interval, widened for the "
    "fewer requests of the search. A winner was the best of its search, which flatters its numbers there, and contexts "
    "may differ in length.",
)
SHIFTS = (
    "Density shifts with length",
    f"The density changed by more than {SHIFT:.0%} of itself from search to validation. Sizes that are counts of keys "
    "read a smaller share of a longer context, so on yours it will differ again.",
)


def _place(files: CellFiles, run: RunFiles) -> str:
    return f"{cell_label(files.cell)}, {_task(files, run)}"


def _task(files: CellFiles, run: RunFiles) -> str:
    several = len({cell.model for cell in run.cells}) > 1
    return f"{files.cell.task}, {files.cell.model}" if several else files.cell.task


def _too_few(files: CellFiles, adjusted_p: float | None) -> list[str]:
    judged = files.cell.validation
    if judged is None or judged.difference is None or is_told(judged, adjusted_p):
        return []
    from sparse_hub_core.validation.statistics import within_noise

    difference = judged.difference
    told = (
        f"{difference.mean:+.3g} [{difference.low:+.3g}, {difference.high:+.3g}] on "
        f"{count(difference.n, 'question')} in {count(difference.clusters, 'request')}"
    )
    if not within_noise(difference):
        return [f"{told}; the interval leaves out 0, but the adjusted p is {p_value(adjusted_p)}, above 0.05."]
    reach = max(difference.high - difference.mean, difference.mean - difference.low)
    return [f"{told}; the interval holds 0, and would have up to a difference of about {reach:.3g}."]


def _disagreement(files: CellFiles) -> list[str]:
    best, judged = files.cell.best, files.cell.validation
    if best is None or judged is None or best.num_requests < 1:
        return []
    errors = [line.error for line in files.requests if line.error is not None]
    pairs = (
        ("score", best.score, judged.sparse),
        # A replay measures no generated tokens, so its error is another quantity.
        ("attention error", best.error if best.fidelity == "F3" else None, mean_interval(errors)),
    )
    told = []
    for what, searched, validated in pairs:
        if searched is None or validated is None:
            continue
        low, high = expected_in_search(validated, best.num_requests)
        if not low <= searched <= high:
            told.append(
                f"{what} {searched:.4g} on {count(best.num_requests, 'request')} of the search, {validated.mean:.4g} "
                f"on {validated.clusters} of the validation, which would give {low:.4g} to {high:.4g} on so few."
            )
    return told


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return the mean with its 95% interval of Student's t, or None of fewer than two values."""
    if len(values) < 2:
        return None
    from scipy import stats

    mean = sum(values) / len(values)
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return Interval(mean=mean, low=mean - reach, high=mean + reach, n=len(values), clusters=len(values))


def expected_in_search(validated: Interval, num_requests: int) -> tuple[float, float]:
    """Return where the mean of so many other requests lies 95% of the time.

    Its own spread comes on top of the validation's: both shrink with the square root of their number of requests.
    """
    widening = math.sqrt(1.0 + validated.clusters / num_requests)
    mean = validated.mean
    return mean - widening * (mean - validated.low), mean + widening * (validated.high - mean)


def _density_shift(files: CellFiles) -> list[str]:
    best, judged = files.cell.best, files.cell.validation
    if best is None or judged is None or judged.density_validation is None or best.density == 0:
        return []
    if abs(judged.density_validation / best.density - 1.0) < SHIFT:
        return []
    lengths = [settings.get("max_context_length") for settings in (best.search_settings, best.validation_settings)]
    told = f", contexts of up to {lengths[0]} and {lengths[1]} tokens" if all(lengths) else ""
    return [f"{best.density:.2%} in search, {judged.density_validation:.2%} in validation{told}."]


def _over_budget(files: CellFiles, spec: Spec | None) -> list[str]:
    best, judged = files.cell.best, files.cell.validation
    if best is None or spec is None:
        return []
    max_density = _target_density(best) or spec.max_density
    measured = (
        ("density in search", best.density, max_density),
        ("density in validation", judged.density_validation if judged else None, max_density),
        ("I/O density in search", best.io_density, spec.max_io_density),
        ("I/O density in validation", judged.io_density_validation if judged else None, spec.max_io_density),
    )
    return [
        f"{what} is {value:.2%}, the limit {limit:.2%}."
        for what, value, limit in measured
        if value is not None and limit is not None and value > limit + 1e-9
    ]


def _target_density(best: Best) -> float | None:
    """Return the density that one of several winners had to keep to, which its name says."""
    prefix, _, percent = best.target.partition("density-")
    try:
        return float(percent) / 100.0 if not prefix else None
    except ValueError:
        return None
