"""Checks of scores: both ends of the range are reached, and nothing that is predicted leaves it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sparse_hub_core.benchmark import Benchmark, Question
from sparse_hub_core.testing.benchmarks.conditions import has_answers, hides_answers, sample_loads
from sparse_hub_core.testing.benchmarks.each_subset import each_subset
from sparse_hub_core.testing.benchmarks.hostile import HOSTILE, LONG, code_that_leaves_a_file
from sparse_hub_core.testing.benchmarks.subset import SubsetSubject, spread
from sparse_hub_core.testing.check import described, require

FEW = 3
SEVERAL = 8
MOST_SECONDS = 5.0
"""Of one thread's computing; a metric that takes longer than generation would hold up a run."""


@each_subset(sample_loads, has_answers)
def perfect_predictions_score_the_best(subset: SubsetSubject) -> None:
    """What perfect_prediction gives scores the best end of the range."""
    for question in subset.answered:
        prediction = subset.benchmark.perfect_prediction(question)
        score = _number(subset.benchmark.score(prediction, question), "the perfect prediction")
        reached = abs(score - subset.best) <= subset.slack
        require(reached, f"the perfect prediction {prediction[:60]!r} scores {score:g}, not {subset.best:g}")


@each_subset(sample_loads, has_answers)
def empty_predictions_score_the_worst(subset: SubsetSubject) -> None:
    """Nothing predicted scores the worst end of the range."""
    for question in subset.answered:
        score = _number(subset.benchmark.score("", question), "an empty prediction")
        reached = abs(score - subset.worst) <= subset.slack
        told = f"an empty prediction scores {score:g}, not {subset.worst:g}"
        require(reached, f"{told}, where {list(question.references)[:3]!r} was asked for")


@each_subset(sample_loads)
def any_prediction_scores_in_range(subset: SubsetSubject) -> None:
    """Whatever is predicted scores soon, as a finite number within the range, and raises nothing."""
    for number, question in enumerate(spread(subset.questions, FEW)):
        for what, prediction in (HOSTILE if number else {**HOSTILE, **LONG}).items():
            before = time.thread_time()
            try:
                scores = _scores(subset, subset.benchmark, prediction, question)
            except Exception as error:
                # A metric may raise anything at a text that its author did not think of.
                raise AssertionError(f"{what} raises {described(error)}") from error
            seconds = time.thread_time() - before
            require(seconds <= MOST_SECONDS, f"scoring {what} takes {seconds:.1f} seconds")
            for name, score in scores.items():
                _require_in_range(subset, score, f"{name} of {what}")


@each_subset(sample_loads)
def predictions_are_never_run(subset: SubsetSubject) -> None:
    """Code in a prediction is not run, wherever it stands."""
    with TemporaryDirectory() as folder:
        for question in spread(subset.questions, FEW):
            perfect = subset.benchmark.perfect_prediction(question)
            for where, code in code_that_leaves_a_file(Path(folder)):
                for prediction in (code, f"{perfect}\n{code}"):
                    _scores(subset, subset.benchmark, prediction, question)
                require(
                    not list(Path(folder).iterdir()), f"scoring runs the code of a prediction, as {where}: {code[:80]}"
                )


@each_subset(sample_loads)
def scores_do_not_depend_on_order(subset: SubsetSubject) -> None:
    """A prediction scores the same whatever was scored before it, and by whom."""
    pairs = list(_pairs(subset))
    benchmarks = {"again": subset.benchmark, "by a new instance": subset.fresh()}
    first = [_scores(subset, subset.benchmark, *pair) for pair in pairs]
    for way, benchmark in benchmarks.items():
        backwards = [_scores(subset, benchmark, *pair) for pair in reversed(pairs)]
        for (prediction, _), one, other in zip(pairs, first, reversed(backwards), strict=True):
            same = repr(one) == repr(other)
            require(same, f"{prediction[:60]!r} scores {one} at first, and {other} {way}, in another order")


def _pairs(subset: SubsetSubject) -> Iterator[tuple[str, Question]]:
    questions = spread(subset.questions, SEVERAL)
    perfect = [subset.benchmark.perfect_prediction(question) for question in questions]
    for index, question in enumerate(questions):
        yield from ((text, question) for text in (perfect[index], perfect[index - 1], HOSTILE["letters of options"]))


@each_subset(sample_loads, has_answers)
def other_scores_are_declared(subset: SubsetSubject) -> None:
    """Further scores are exactly the other_metrics that are declared, and within the range."""
    declared = set(subset.declared.other_metrics)
    for question in spread(subset.answered, SEVERAL):
        for prediction in (subset.benchmark.perfect_prediction(question), HOSTILE["letters of options"], ""):
            scores = subset.benchmark.other_scores(prediction, question)
            names = set(scores)
            require(names == declared, f"other_scores gives {sorted(names)}, where {sorted(declared)} are declared")
            for name, score in scores.items():
                _require_in_range(subset, score, f"{name} of {prediction[:60]!r}")


@each_subset(sample_loads, hides_answers)
def hidden_answers_are_hidden(subset: SubsetSubject) -> None:
    """A question that is not scored, because its answer is not published, has no reference and never gets a score."""
    for question in subset.questions:
        if subset.benchmark.score("", question) is not None:
            continue
        given = list(question.references)
        require(not given, f"a question is not scored, though it has references: {given[:3]!r}")
        for what in ("letters of options", "code"):
            score = subset.benchmark.score(HOSTILE[what], question)
            require(score is None, f"a question without a published answer scores {score} for {what}")


def _scores(subset: SubsetSubject, benchmark: Benchmark, prediction: str, question: Question) -> dict[str, Any]:
    main = benchmark.score(prediction, question)
    return {subset.declared.metric: main, **dict(sorted(benchmark.other_scores(prediction, question).items()))}


def _number(score: Any, what: str) -> float:
    number = isinstance(score, (int, float)) and math.isfinite(score)
    require(number, f"{what} scores {score!r}, which is no finite number")
    return float(score)


def _require_in_range(subset: SubsetSubject, score: Any, what: str) -> None:
    if score is None:
        return
    low, high = subset.declared.score_range
    value = _number(score, what)
    inside = low - subset.slack <= value <= high + subset.slack
    require(inside, f"{what} is {value:g}, outside the range from {low:g} to {high:g}")
