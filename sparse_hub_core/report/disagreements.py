"""Questions that sparse attention answers in another way than dense attention, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparse_hub_core.report.numbers import number
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.report.files import CellFiles
    from sparse_hub_core.results.schema import PredictionLine

MOST, MOST_WORDED = 20, 10
LONGEST = 600


@dataclass(frozen=True)
class Question:
    """One question, and what each answered."""

    name: str
    references: str
    dense: str
    sparse: str
    dense_score: str
    sparse_score: str


@dataclass(frozen=True)
class Disagreements:
    """The questions of one winner."""

    model: str
    task: str
    name: str
    title: str
    questions: tuple[Question, ...]


def disagreements(files: CellFiles) -> Disagreements | None:
    """Return the questions with different scores, the largest differences first, then those only worded differently.

    None where nothing was compared.
    """
    compared = [line for line in files.predictions if line.sparse_prediction is not None]
    if not compared:
        return None
    differing = sorted((line for line in compared if _gap(line) > 0), key=lambda line: -_gap(line))
    shown = differing[:MOST]
    worded = [line for line in compared if _gap(line) == 0 and line.dense_prediction != line.sparse_prediction]
    cell = files.cell
    return Disagreements(
        model=cell.model,
        task=cell.task,
        name=cell_label(cell),
        title=_title(compared, differing, worded),
        questions=tuple(_question(line) for line in (*shown, *worded[:MOST_WORDED])),
    )


def _gap(line: PredictionLine) -> float:
    if line.dense_score is None or line.sparse_score is None:
        return 0.0
    return abs(line.dense_score - line.sparse_score)


def _title(
    compared: Sequence[PredictionLine], differing: Sequence[PredictionLine], worded: Sequence[PredictionLine]
) -> str:
    of = count(len(compared), "question")
    higher = sum((line.sparse_score or 0.0) > (line.dense_score or 0.0) for line in differing)
    told = f"{len(differing)} of {of} scored differently"
    if differing:
        told += f": dense higher in {len(differing) - higher}, sparse higher in {higher}"
    if len(differing) > MOST:
        told += f" (below: the {MOST} largest differences)"
    if worded:
        told += f"; {len(worded)} more only worded differently"
    if len(worded) > MOST_WORDED:
        told += f" (below: the first {MOST_WORDED})"
    return told


def _question(line: PredictionLine) -> Question:
    return Question(
        name=f"{line.request_id}, question {line.question_index + 1}",
        references=_cut(" | ".join(line.references)) or "-",
        dense=_cut(line.dense_prediction),
        sparse=_cut(line.sparse_prediction or ""),
        dense_score=number(line.dense_score),
        sparse_score=number(line.sparse_score),
    )


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text) - LONGEST} more characters)"
