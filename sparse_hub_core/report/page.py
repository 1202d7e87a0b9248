"""The page's sections, made of what a run's folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sparse_hub_core.report.best_presets import BestPreset, best_preset
from sparse_hub_core.report.cautions import Caution, cautions
from sparse_hub_core.report.disagreements import Disagreements, disagreements
from sparse_hub_core.report.facts import budget, environment, models, settings
from sparse_hub_core.report.figures import parallel_coordinates, parameter_importance, search_over_time
from sparse_hub_core.report.figures.layer_errors import layer_errors
from sparse_hub_core.report.figures.score_density import score_density
from sparse_hub_core.report.heading import Heading, heading
from sparse_hub_core.report.importance import FEWEST, importances
from sparse_hub_core.report.notes import notes
from sparse_hub_core.report.outcome import Measured, measured
from sparse_hub_core.report.page_table import Table
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.report.reproduce import command, determinism, others
from sparse_hub_core.report.rows import cell_label, failures, further_scores, summary_table
from sparse_hub_core.report.rungs import correlations
from sparse_hub_core.report.trials import trials_table
from sparse_hub_core.report.winners import winners

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.report.figures.figure import Figure
    from sparse_hub_core.report.files import RunFiles, SearchFiles

MOST_POINTS, FEWEST_POINTS = 20_000, 200
MOST_ROWS, FEWEST_ROWS = 4_000, 50
"""Of all searches together, and of each one however many there are, so that the page of a large run still opens."""
MOST_PER_SEARCH = 2_000
MOST_LINES = 1_000
IN_OVERVIEW = ("difference", "I/O density", "density", "score", "dense")
PARAMETERS_NOTE = f"{parallel_coordinates.HOW_TO_READ} {parameter_importance.HOW_TO_READ}"


@dataclass(frozen=True)
class TaskSection:
    """The figures of one model and task."""

    title: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class SearchSection:
    """What is shown of one search."""

    title: str
    parameters: tuple[Figure, ...]
    parameters_note: str
    over_time: Figure | None
    trials: Table


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    run_id: str
    heading: Heading
    overview: Table | None
    """The answers of several tasks side by side."""
    answers: tuple[BestPreset, ...]
    costs: tuple[TaskSection, ...]
    layers: tuple[TaskSection, ...]
    searches: tuple[SearchSection, ...]
    disagreements: tuple[Disagreements, ...]
    cautions: tuple[Caution, ...]
    notes: tuple[str, ...]
    configurations: tuple[tuple[str, str], ...]
    """Each winner, and the Python that makes it."""
    failures: tuple[str, ...]
    problems: tuple[str, ...]
    summary: Table
    tables: tuple[Table, ...]
    facts: tuple[Table, ...]
    command: str | None
    others: tuple[str, ...]
    determinism: str
    parameters_note: str = PARAMETERS_NOTE
    over_time_note: str = search_over_time.HOW_TO_READ


def build_page(run: RunFiles, registry: Registry, now: datetime) -> Page:
    """Return the page of a run as far as it got."""
    cells = run.cells
    seed = run.run.seed if run.run else 0
    answers = tuple(best_preset(task, registry, seed) for task in run.tasks)
    facts = [table for table in (settings(run), environment(run), models(run)) if table is not None]
    return Page(
        run_id=run.run_id,
        heading=heading(run, now),
        overview=_overview(answers),
        answers=answers,
        costs=tuple(_costs(run)),
        layers=tuple(_layers(run)),
        searches=tuple(_search(index, search, run, seed) for index, search in enumerate(run.searches)),
        disagreements=tuple(
            found for task in run.tasks for one in task.cells if (found := disagreements(one)) is not None
        ),
        cautions=tuple(cautions(run)),
        notes=tuple(notes(cells)),
        configurations=tuple(
            (_title(run, one.cell.model, one.cell.task, cell_label(one.cell)), as_python(best, one.best_path, registry))
            for task in run.tasks
            for one in task.cells
            if (best := one.cell.best) is not None
        ),
        failures=tuple(failures(cells)),
        problems=run.problems,
        summary=_table("All cells", *summary_table(cells)),
        tables=tuple(_further(run)),
        facts=tuple(facts),
        command=command(run),
        others=tuple(others(run)),
        determinism=determinism(run),
    )


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    return Table(title, tuple(headings), tuple(tuple(row) for row in rows))


def _further(run: RunFiles) -> list[Table]:
    cells = run.cells
    tables = [
        _table("Winners, as the search measured them on its own requests", *winners(cells)),
        _table("Further metrics and groups of questions", *further_scores(cells)),
        _table("How alike the rungs of the search rank configurations", *correlations(cells)),
    ]
    return [table for table in tables if table.rows]


def _overview(answers: Sequence[BestPreset]) -> Table | None:
    if len(answers) < 2:
        return None
    several = len({answer.model for answer in answers}) > 1
    rows = [
        (
            *([answer.task, answer.model] if several else [answer.task]),
            *(answer.name or "-", answer.verdict or "-"),
            *(dict(answer.numbers).get(name, "-") for name in IN_OVERVIEW),
        )
        for answer in answers
    ]
    place = ("task", "model") if several else ("task",)
    return _table("The best preset of each task", (*place, "best preset", "verdict", *IN_OVERVIEW), rows)


def _title(run: RunFiles, model: str, task: str, *more: str) -> str:
    """Return a title that names what is not the same all over the page."""
    parts = [*more, task]
    if len({cell.model for cell in run.cells}) > 1:
        parts.append(model)
    return ", ".join(parts)


def _costs(run: RunFiles) -> list[TaskSection]:
    sections = []
    for place, task in enumerate(run.tasks):
        cells = [one.cell for one in task.cells]
        drawn = [
            score_density(f"score-io-density-{place}", cells, "I/O density"),
            score_density(f"score-density-{place}", cells, "density"),
        ]
        figures = tuple(figure for figure in drawn if figure is not None)
        if figures:
            sections.append(TaskSection(_title(run, task.model, task.task), figures))
    return sections


def _layers(run: RunFiles) -> list[TaskSection]:
    sections = []
    for place, task in enumerate(run.tasks):
        figure = layer_errors(f"layers-{place}", [one.cell for one in task.cells])
        if figure is not None:
            sections.append(TaskSection(_title(run, task.model, task.task), (figure,)))
    return sections


def _search(place: int, search: SearchFiles, run: RunFiles, seed: int) -> SearchSection:
    title = _title(run, search.model, search.task, search.preset)
    num_searches = len(run.searches)
    points = min(MOST_PER_SEARCH, max(FEWEST_POINTS, MOST_POINTS // num_searches))
    rows = max(FEWEST_ROWS, MOST_ROWS // num_searches)
    at_rung = measured(search.trials)
    figures: list[Figure] = []
    note = "No trial was measured to its end yet."
    if at_rung is not None:
        found = importances([trial.parameters for trial in at_rung.trials], at_rung.values, seed)
        drawn = (
            parallel_coordinates.parallel_coordinates(f"parameters-{place}", title, at_rung, min(points, MOST_LINES)),
            parameter_importance.parameter_importance(f"importance-{place}", found, at_rung),
        )
        figures = [figure for figure in drawn if figure is not None]
        note = "" if found else _no_importance(at_rung)
    return SearchSection(
        title=title,
        parameters=tuple(figures),
        parameters_note=note,
        over_time=search_over_time.search_over_time(f"over-time-{place}", title, search.trials, points),
        trials=trials_table(search.trials, search.cells, budget(run.spec), rows),
    )


def _no_importance(at_rung: Measured) -> str:
    num = len(at_rung.values)
    if num < FEWEST:
        return f"n={num} at {at_rung.fidelity} is too small to say which parameters matter; {FEWEST} are the fewest."
    return f"The {num} configurations at {at_rung.fidelity} do not tell which parameters matter: too little varied."
