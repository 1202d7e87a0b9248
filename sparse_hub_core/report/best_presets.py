"""The answer of a run: for each model and task the best preset, ready to use, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparse_hub_core.errors import UsageError
from sparse_hub_core.lookup import get_task
from sparse_hub_core.presets import DENSE
from sparse_hub_core.report.doubts import doubts
from sparse_hub_core.report.files import CellFiles, TaskFiles
from sparse_hub_core.report.numbers import NOTHING, difference, interval, number, p_value, percent
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.report.rows import Row, cell_label, cell_row
from sparse_hub_core.report.verdicts import adjusted_p_values, is_told
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.validation.answer import Answer


@dataclass(frozen=True)
class BestPreset:
    """What the page says first of one model and task."""

    model: str
    task: str
    name: str = ""
    """The preset to take; empty where there is none yet."""
    verdict: str = ""
    kind: str = ""
    """The verdict's first word: better, within or worse."""
    numbers: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    """Reasons not to take it."""
    python: str = ""
    sentences: tuple[str, ...] = ()


def best_preset(files: TaskFiles, registry: Registry, seed: int = 0) -> BestPreset:
    """Return the answer of one model and task, as far as its cells got."""
    searched = [one for one in files.cells if one.cell.preset != DENSE]
    judged = [one for one in searched if one.cell.validation is not None]
    sentences = _unfinished(searched, judged)
    if not judged:
        return BestPreset(files.model, files.task, sentences=tuple(sentences))
    chosen, told = _chosen(files, judged, registry, seed)
    if chosen is None:
        return BestPreset(files.model, files.task, sentences=(*told, *sentences))
    adjusted_p = adjusted_p_values([one.cell for one in judged])[judged.index(chosen)]
    row = cell_row(chosen.cell, adjusted_p)
    best = chosen.cell.best
    return BestPreset(
        model=files.model,
        task=files.task,
        name=cell_label(chosen.cell),
        verdict=row.verdict,
        kind=row.verdict.split()[0],
        numbers=tuple(_numbers(chosen, row)),
        warnings=tuple(doubts(chosen.cell)),
        python=as_python(best, chosen.best_path, registry) if best else "",
        sentences=(*_about(chosen, adjusted_p), *told, *sentences),
    )


def _chosen(
    files: TaskFiles, judged: Sequence[CellFiles], registry: Registry, seed: int
) -> tuple[CellFiles | None, list[str]]:
    """Return the winner to take, and how it was chosen."""
    problem = "The answers to the questions are missing, so winners cannot be compared."
    try:
        found = _answer(files, judged, registry, seed)
    except UsageError as error:
        found, problem = None, str(error)
    if found is not None:
        chosen = next(one for one in judged if cell_label(one.cell) == found.chosen.name)
        return chosen, how_chosen(found, len(judged))
    means = [
        (one.cell.validation.sparse.mean, one) for one in judged if one.cell.validation and one.cell.validation.sparse
    ]
    if not means:
        return None, [_without_scores(judged)]
    best = (max if _higher_is_better(judged) else min)(means, key=lambda pair: pair[0])[1]
    return best, [f"{problem} The one with the best mean score was taken."]


def _answer(files: TaskFiles, judged: Sequence[CellFiles], registry: Registry, seed: int) -> Answer | None:
    # They bring scipy, which a page of a run that has not validated anything has no use for.
    from sparse_hub_core.validation.answer import Candidate, answer
    from sparse_hub_core.validation.comparison import answers_of

    candidates = []
    for one in judged:
        validation = one.cell.validation
        assert validation is not None
        answers = answers_of(one.predictions, name=cell_label(one.cell))
        candidates.append(Candidate(answers, validation.density_validation, validation.io_density_validation))
    score_range = _score_range(judged, registry, files.task)
    return answer(candidates, score_range, _higher_is_better(judged), seed)


def _score_range(judged: Sequence[CellFiles], registry: Registry, task: str) -> tuple[float, float]:
    known = (one.cell.validation.score_range for one in judged if one.cell.validation is not None)
    found = next((score_range for score_range in known if score_range is not None), None)
    return found or get_task(registry, task).subset.score_range


def _higher_is_better(judged: Sequence[CellFiles]) -> bool:
    return all(one.cell.validation is None or one.cell.validation.higher_is_better for one in judged)


def _unfinished(searched: Sequence[CellFiles], judged: Sequence[CellFiles]) -> list[str]:
    """Return what is not there yet."""
    statuses = [one.cell.status for one in searched]
    told = [
        f"{statuses.count(status)} {words}"
        for status, words in (
            ("running", "running"),
            ("waiting", "waiting"),
            ("searched", "searched but not validated"),
        )
        if status in statuses
    ]
    failed = statuses.count("failed")
    if failed:
        told.append(f"{failed} failed")
    if not told:
        return [] if judged else ["No preset was searched here."]
    verb = "is" if len(judged) == 1 else "are"
    return [f"{len(judged)} of {count(len(searched), 'winner')} {verb} validated; {', '.join(told)}."]


def _without_scores(judged: Sequence[CellFiles]) -> str:
    measured = [
        (one.cell.validation.error_mean, cell_label(one.cell))
        for one in judged
        if one.cell.validation is not None and one.cell.validation.error_mean is not None
    ]
    told = "No preset has scores beside dense attention's, so none is the best by score."
    if not measured:
        return told
    error, name = min(measured)
    return f"{told} The lowest mean attention error in validation, {error:.4g}, is that of {name}."


def _numbers(chosen: CellFiles, row: Row) -> list[tuple[str, str]]:
    judged = chosen.cell.validation
    assert judged is not None
    told = [("score", interval(judged.sparse)), ("dense", interval(judged.dense))]
    if judged.difference is not None:
        found = judged.difference
        told.append(("difference", difference(found)))
        told.append(("p (adjusted)", row.p_value))
        told.append(("n", f"{count(found.n, 'question')} in {count(found.clusters, 'request')}"))
    told += [("density", percent(judged.density_validation)), ("I/O density", percent(judged.io_density_validation))]
    told.append(("attention error", number(judged.error_mean)))
    return [(name, value) for name, value in told if value != NOTHING]


def _about(chosen: CellFiles, adjusted_p: float | None) -> list[str]:
    """Return what the difference from dense attention says, and what it does not."""
    judged = chosen.cell.validation
    if judged is None or judged.difference is None:
        return []
    apart = judged.difference
    from sparse_hub_core.validation.statistics import within_noise

    told = ["Brackets are 95% intervals, clustered by request."]
    if not is_told(judged, adjusted_p):
        lost = max(0.0, -apart.low if judged.higher_is_better else apart.high)
        if not within_noise(apart):
            told.append(f"The interval leaves out 0, but the adjusted p is {p_value(adjusted_p)}, above 0.05.")
        told.append(
            f"{count(apart.clusters, 'request')} cannot tell it from dense attention, which does not say that it "
            f"is as good: the interval leaves room for a loss of {lost:.3g}."
        )
    return [" ".join(told)]


def how_chosen(found: Answer, num_judged: int) -> list[str]:
    """Return how it was chosen, and what that does to its numbers."""
    if num_judged == 1:
        return []
    if found.is_few:
        told = ["So few requests tell no two winners apart, so the one with the best mean score was taken."]
    elif found.chosen is found.best:
        told = [
            "It has the best mean score of the winners, and a winner that reads less is worse by the whole of its 95% "
            "interval."
        ]
    else:
        told = [
            f"{found.best.name} has the best mean score, {found.best.answers.mean:.4g}; this is the cheapest of those "
            "whose 95% interval of the difference from it holds 0."
        ]
    if found.tied and not found.is_few:
        told.append(
            f"The 95% interval of the difference from the best mean score also holds 0 for {'; '.join(found.tied)}, "
            "which read no less."
        )
    if found.unsure and not found.is_few:
        told.append(
            "Not taken, because the 95% interval of the difference from the best mean score leaves out 0: "
            f"{'; '.join(found.unsure)}. The test, adjusted for all pairs, does not tell this from the best mean "
            "score, but that is no reason to count it as good."
        )
    told.append(
        f"It was chosen among {num_judged} winners on the very questions that its score is from, so that score tends "
        "to be a little too good."
    )
    return [" ".join(told)]
