"""Questions on which sparse and dense attention disagree."""

from __future__ import annotations

from pathlib import Path

from sparse_hub_core.report.disagreements import LONGEST, MOST, MOST_WORDED, disagreements
from sparse_hub_core.report.files import CellFiles
from tests.report.conftest import predictions


def found(cells, lines):
    return disagreements(CellFiles(cells[1], Path("best.json"), tuple(lines), ()))


def test_the_largest_differences_come_first_and_the_rest_is_counted(cells):
    lines = predictions(lost=25)
    lines[30] = lines[30].model_copy(update={"sparse_score": 40.0})
    lines[39] = lines[39].model_copy(update={"sparse_score": 100.0})
    told = found(cells, lines)
    assert told.title == (
        "27 of 40 questions scored differently: dense higher in 26, sparse higher in 1 (below: the 20 largest "
        "differences); 13 more only worded differently (below: the first 10)"
    )
    assert len(told.questions) == MOST + MOST_WORDED
    assert all(question.dense_score == question.sparse_score for question in told.questions[MOST:])
    assert told.questions[0].name == "request-0, question 1"
    assert (told.questions[0].dense_score, told.questions[0].sparse_score) == ("100", "0")
    assert all(question.sparse_score != "40" for question in told.questions)


def test_equal_scores_are_no_disagreement(cells):
    same = [line.model_copy(update={"sparse_prediction": line.dense_prediction}) for line in predictions()]
    told = found(cells, same)
    assert (told.title, told.questions) == ("0 of 40 questions scored differently", ())


def test_long_answers_are_cut_and_say_by_how_much(cells):
    lines = [line.model_copy(update={"sparse_prediction": "x" * (LONGEST + 7)}) for line in predictions(lost=1)]
    assert found(cells, lines).questions[0].sparse.endswith("x … (7 more characters)")


def test_dense_attention_alone_disagrees_with_nothing(cells):
    alone = [line.model_copy(update={"sparse_prediction": None, "sparse_score": None}) for line in predictions()]
    assert found(cells, alone) is None
