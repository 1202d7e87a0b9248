"""The verdict of a cell: further metrics, strata, and answers that are not published."""

from __future__ import annotations

import pytest

from sparse_hub_core import Question, Request, SparseHubError
from sparse_hub_core.evaluation import PreparedRequest
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.registry import Subset
from sparse_hub_core.results.schema import ValidationRequestLine
from sparse_hub_core.validation.scores import check_scores
from sparse_hub_core.validation.significance import MCNEMAR, SIGN_FLIP
from sparse_hub_core.validation.verdict import Place, verdict
from sparse_hub_core.workers.worker import Stage

PLACE = Place("0" * 64, "demo", "books/qa", "generated", "local_sink")
SUBSET = Subset("qa", "f1", score_range=(0.0, 100.0), other_metrics=("bleu",))
LEVELS = ("easy", "hard")


def prepared(index: int) -> PreparedRequest:
    questions = tuple(Question("?", ("a",), strata={"difficulty": LEVELS[(index + n) % 2]}) for n in range(2))
    return PreparedRequest(Request(f"r{index}", "context", questions), (Prompt((1,), (2,), truncated=index == 0),) * 2)


def line(index: int, scores: list[float | None]) -> ValidationRequestLine:
    return ValidationRequestLine(
        request_id=f"r{index}",
        predictions=["a"] * len(scores),
        scores=scores,
        other_scores=[{"bleu": 10.0 if score is None else score / 2} for score in scores],
        num_tokens=[1] * len(scores),
        truncated=index == 0,
        seconds=1.0,
    )


def judged(dense: list[list[float | None]], sparse: list[list[float | None]] | None):
    def lines(scores):
        return None if scores is None else [line(index, of_request) for index, of_request in enumerate(scores)]

    stage = Stage("t", None, tuple(prepared(i) for i in range(len(dense))), 1)
    return verdict(PLACE, SUBSET, stage, lines(dense), lines(sparse), None, None, 0)


def test_strata_hold_their_own_questions() -> None:
    found = {
        scores.stratum: scores for scores in judged([[80.0, 20.0], [40.0, 60.0]], [[70.0, 20.0], [40.0, 50.0]]).strata
    }
    assert found["easy"].dense.mean == 70
    assert found["hard"].dense.mean == 30
    assert found["easy"].difference.mean == -10
    assert found["hard"].difference.mean == 0
    assert found["easy"].dense.n == found["easy"].dense.clusters == 2


def test_a_stratum_may_be_missing_in_a_request_and_be_empty() -> None:
    found = judged([[80.0, None], [40.0, None]], None).strata
    assert [(scores.stratum, scores.dense.n) for scores in found] == [("easy", 1), ("hard", 1)]


def test_further_metrics_are_paired_too() -> None:
    (bleu,) = judged([[80.0, 20.0]], [[40.0, 20.0]]).other_scores
    assert (bleu.metric, bleu.dense.mean, bleu.sparse.mean, bleu.difference.mean) == ("bleu", 25, 15, -10)


@pytest.mark.parametrize("sparse", [None, [[None, None], [None, None]]])
def test_hidden_answers_leave_no_score(sparse) -> None:
    found = judged([[None, None], [None, None]], sparse)
    assert found.dense is found.sparse is found.difference is found.within_noise is None
    assert (found.num_requests, found.truncated_requests) == (2, 1)


def test_hidden_answers_of_some_questions_leave_out_only_these() -> None:
    found = judged([[80.0, None], [None, None]], [[60.0, None], [None, None]])
    assert (found.dense.mean, found.sparse.mean, found.difference.mean, found.dense.n) == (80, 60, -20, 1)


def test_a_verdict_says_which_test_gave_its_p_value() -> None:
    graded = judged([[80.0, 20.0], [40.0, 60.0]], [[70.0, 20.0], [40.0, 50.0]])
    assert (graded.test, graded.p_value, graded.only_dense_right) == (SIGN_FLIP, 0.5, None)
    right = judged([[100.0, 0.0], [100.0, 100.0]], [[0.0, 100.0], [100.0, 0.0]])
    assert (right.test, right.only_dense_right, right.only_sparse_right, right.p_value) == (SIGN_FLIP, 2, 1, 1.0)
    single = judged([[100.0, None], [100.0, None], [0.0, None]], [[0.0, None], [0.0, None], [0.0, None]])
    assert (single.test, single.only_dense_right, single.only_sparse_right, single.p_value) == (MCNEMAR, 2, 0, 0.5)
    assert single.score_range == (0.0, 100.0)
    dense = judged([[80.0, 20.0]], None)
    assert (dense.test, dense.p_value, dense.score_range) == (None, None, (0.0, 100.0))


def announced(scores: list[float | None], others: dict[str, float]) -> ValidationRequestLine:
    return line(0, scores).model_copy(update={"other_scores": [others] * len(scores)})


@pytest.mark.parametrize(
    ("dense", "sparse", "sentence"),
    [
        (
            announced([150.0], {"bleu": 1.0}),
            None,
            "A score of question 0 of request 'r0' is 150, outside of its range 0 to 100",
        ),
        (announced([1.0], {"bleu": -1.0}), None, "is -1, outside"),
        (announced([1.0], {}), None, "are none, but those announced are bleu"),
        (announced([1.0], {"bleu": 1.0, "mine": 1.0}), None, "are bleu, mine, but"),
        (announced([1.0], {"bleu": 1.0}), announced([None], {}), "must not depend on the prediction"),
    ],
)
def test_scores_that_are_not_as_announced_are_told(dense, sparse, sentence) -> None:
    with pytest.raises(SparseHubError, match=sentence):
        check_scores(SUBSET, (), [dense], sparse and [sparse])


@pytest.mark.parametrize("scores", [[100.00001], [0.0], [None]])
def test_scores_as_announced_pass(scores) -> None:
    others = {} if scores == [None] else {"bleu": 3.0}
    check_scores(SUBSET, (), [announced(scores, others)], [announced(scores, others)])


def test_answers_that_the_stage_cut_short_are_counted() -> None:
    assert judged([[1.0, 2.0], [3.0, 4.0]], None).limited_answers == 4
