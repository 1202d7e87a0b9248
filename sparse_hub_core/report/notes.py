"""What is to be known about a table of cells, a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.lookup import SAMPLE_SUFFIX
from sparse_hub_core.report.doubts import NEAR_WORST, hardly_done
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.report.rungs import correlation_sentence, fidelity_sentence, tie_sentence
from sparse_hub_core.report.used_up import used_up_sentence
from sparse_hub_core.report.verdicts import (
    NO_MORE_THAN,
    WITHIN_NOISE,
    adjusted_p_values,
    families,
    is_told,
    points,
    score_width,
    verdict,
)
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary

NOISE_SENTENCE = (
    "Within noise: the 95% interval of the difference contains 0, or the adjusted p is above 0.05, so this run cannot "
    "tell sparse from dense there. Rows keep the order in which they ran; they are no ranking."
)

NO_WORSE_SENTENCE = (
    "No more than a point worse: the whole 95% interval of the difference lies above a loss of 1% of the score's range."
)

FEW_DIFFER = "Within noise although the interval leaves out 0, as so few requests that differ may do so by chance"
BY_CHANCE = "Within noise although the interval leaves out 0, as one of so many winners may do so by chance"

LOSS = 0.02
"""The share of the score's range that a run should be able to see as a loss."""

SAMPLE_SENTENCE = (
    f"A task that ends in {SAMPLE_SUFFIX} ran on a small offline sample of its package's own making, not on the "
    "benchmark; its scores compare with no published ones."
)

IO_SENTENCE = (
    "I/O density: the bytes read, those that choosing reads and the union over the heads of a KV group included, as a "
    "share of what dense attention reads; above 100% it reads more than that and saves nothing."
)


def io_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what "I/O density" means, where a cell has one."""
    judged = (cell.validation for cell in cells)
    return IO_SENTENCE if any(v is not None and v.io_density_validation is not None for v in judged) else None


def sample_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what an offline sample is, where a cell ran on one."""
    return SAMPLE_SENTENCE if any(cell.task.endswith(SAMPLE_SUFFIX) for cell in cells) else None


def data_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return which data the tasks that are not generated ran on."""
    judged = [found for cell in cells if (found := cell.validation or cell.best) is not None]
    told = dict.fromkeys(
        f"{found.task}: {found.data}"
        for found in judged
        if not found.data.startswith("sample") and found.data != "generated"
    )
    return f"Data of {'; '.join(told)}." if told else None


def cut_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return how many contexts were too long and were cut in their middle, where some were."""
    counts: dict[str, None] = {}
    for cell in cells:
        best, judged = cell.best, cell.validation
        if best is not None and best.truncated_requests:
            counts[f"{best.truncated_requests} of {best.num_requests} to search on in {cell.task}"] = None
        if judged is not None and judged.truncated_requests:
            counts[f"{judged.truncated_requests} of {judged.num_requests} to validate on in {cell.task}"] = None
    return f"Contexts longer than the limit, cut in their middle: {'; '.join(counts)}." if counts else None


def hidden_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return that answers are not published, where that leaves no score."""
    tasks = dict.fromkeys(cell.task for cell in cells if cell.validation and cell.validation.dense is None)
    return f"No score: the answers of {', '.join(tasks)} are not published; error and density hold." if tasks else None


def notes(cells: Sequence[CellSummary]) -> list[str]:
    """Return what is to be known about a table of cells."""
    sentences = (
        *(metric_sentence, sample_sentence, data_sentence, hidden_sentence, hardly_done_sentence),
        *(cut_sentence, limit_sentence, used_up_sentence, fidelity_sentence, tie_sentence, correlation_sentence),
        *(within_noise_sentence, no_worse_sentence, adjusted_sentence, power_sentence, io_sentence),
    )
    return [text for sentence in sentences if (text := sentence(cells)) is not None]


def limit_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return how many answers the stage's limit stopped before the task's own."""
    told = [
        f"{found.limited_answers} in {found.task} ({cell_label(cell)})"
        for cell in cells
        if (found := cell.validation) is not None and found.limited_answers
    ]
    if not told:
        return None
    return f"Answers stopped by --validation-max-new-tokens before their task's own limit: {'; '.join(told)}."


def hardly_done_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return where dense attention can hardly do a task, so that no loss can show."""
    tasks: dict[str, float] = {}
    for cell in cells:
        if (judged := cell.validation) is not None and judged.dense is not None and hardly_done(judged):
            tasks.setdefault(_place(cells, cell.model, cell.task), judged.dense.mean)
    if not tasks:
        return None
    told = "; ".join(f"{mean:.4g} in {task}" for task, mean in tasks.items())
    return (
        f"Dense attention can hardly do the task: {told}, nearer to the worst score than {NEAR_WORST:.0%} of the "
        'range. There "within noise" says nothing, as little could be lost; error and density hold.'
    )


def metric_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what the scores are."""
    tasks: dict[str, dict[str, None]] = {}
    for cell in cells:
        if (found := cell.validation) is not None:
            better = "higher" if found.higher_is_better else "lower"
            tasks.setdefault(f"{found.metric} ({better} is better)", {})[found.task] = None
    told = [f"{metric} in {', '.join(of)}" for metric, of in tasks.items()]
    return f"Score: {'; '.join(told)}." if told else None


def within_noise_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what "within noise" means, where a cell says it."""
    verdicts = [verdict(cell, p) for cell, p in zip(cells, adjusted_p_values(cells), strict=True)]
    return NOISE_SENTENCE if any(told.startswith(WITHIN_NOISE) for told in verdicts) else None


def no_worse_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what "no more than 1 point worse" means, where a cell says it."""
    verdicts = [verdict(cell, p) for cell, p in zip(cells, adjusted_p_values(cells), strict=True)]
    return NO_WORSE_SENTENCE if any(NO_MORE_THAN in told for told in verdicts) else None


def adjusted_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return which tests gave the p-values, over how many they were adjusted, and where that is why nothing is told."""
    adjusted = adjusted_p_values(cells)
    tests: dict[str, dict[str, None]] = {}
    untold: dict[str, list[str]] = {FEW_DIFFER: [], BY_CHANCE: []}
    for (model, task), places in families(cells).items():
        for place in places:
            judged = cells[place].validation
            if judged is None or judged.p_value is None:
                continue
            name = _place(cells, model, task)
            tests.setdefault(judged.test or "test", {})[f"{count(len(places), 'winner')} of {name}"] = None
            if judged.within_noise is False and not is_told(judged, adjusted[place]):
                reason = BY_CHANCE if is_told(judged, judged.p_value) else FEW_DIFFER
                untold[reason].append(f"{cell_label(cells[place])} in {name}")
    if not tests:
        return None
    told = "; ".join(f"{test}, adjusted by Holm over the {' and the '.join(of)}" for test, of in tests.items())
    sentences = [f"{reason}: {', '.join(names)}." for reason, names in untold.items() if names]
    return " ".join([f"p: {told}.", *sentences])


def power_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return how many requests it would take to see a small loss, where a task has fewer."""
    from sparse_hub_core.validation.statistics import requests_needed

    told = []
    for (model, task), places in families(cells).items():
        needed, have, loss = [], 0, ""
        for judged in (cells[place].validation for place in places):
            if judged is not None and judged.difference is not None and score_width(judged) > 0:
                needed.append(requests_needed(judged.difference, LOSS * score_width(judged)))
                have, loss = judged.difference.clusters, points(judged, LOSS)
        if needed and max(needed) > have:
            spread = f"{min(needed)} to {max(needed)}" if min(needed) < max(needed) else str(max(needed))
            told.append(f"{_place(cells, model, task)} has {have}, and a loss of {loss} takes about {spread}")
    if not told:
        return None
    return f"Too few requests to see a small loss in four of five runs: {'; '.join(told)}."


def _place(cells: Sequence[CellSummary], model: str, task: str) -> str:
    """Return a task, and its model where there are several."""
    return f"{task} with {model}" if len({cell.model for cell in cells}) > 1 else task
