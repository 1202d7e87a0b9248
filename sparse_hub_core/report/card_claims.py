"""What a result card claims of its own questions, held to them: means, counts, intervals and the p-value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import fmean

from sparse_hub_core.report.numbers import Sign, with_sample
from sparse_hub_core.results.card import Card, CardQuestion
from sparse_hub_core.results.schema import Interval
from sparse_hub_core.validation.significance import RESAMPLES
from sparse_hub_core.wording import count

DRAWING_ERRORS = 6.0
"""Standard errors that two drawn p-values of the same scores may be apart, as another numpy may draw otherwise."""
SCORES: Mapping[str, Callable[[CardQuestion], float | None]] = {
    "dense": lambda question: question.dense_score,
    "sparse": lambda question: question.sparse_score,
}


def contradiction(card: Card, here: Card) -> str | None:
    """Return where a card's summary is not that of its questions."""
    if len({question.place for question in card.questions}) != len(card.questions):
        return "it names a question twice"
    for name, part in SCORES.items():
        summary: Interval | None = getattr(card.results, name)
        scored = [(question, score) for question in card.questions if (score := part(question)) is not None]
        if not scored or summary is None:
            if bool(scored) != (summary is not None):
                return f"it has a {name} mean or {name} scores of questions, but not both"
            continue
        mean, counts = fmean(score for _, score in scored), (len(scored), len({one.request_id for one, _ in scored}))
        if abs(mean - summary.mean) > _slack(here):
            return f"its {name} score is {summary.mean:.6g}, but those of its questions have the mean {mean:.6g}"
        if counts != (summary.n, summary.clusters):
            told = f"{summary.n} questions in {count(summary.clusters, 'request')}"
            return f"its {name} score is of {told}, but it lists {counts[0]} in {counts[1]}"
    results = card.results
    if results.dense is not None and results.sparse is not None and results.difference is not None:
        apart = results.sparse.mean - results.dense.mean
        if abs(apart - results.difference.mean) > 2.0 * _slack(here):
            return f"its difference is {results.difference.mean:.6g}, but its two scores are {apart:.6g} apart"
    own, adjusted_p = results.p_value, results.adjusted_p
    if adjusted_p is not None and (own is None or adjusted_p < own - 1e-9):
        of = "it has none by itself" if own is None else f"by itself it is {own:.4g}, and adjusting never lowers it"
        return f"its adjusted p-value is {adjusted_p:.4g}, but {of}"
    return None


def other_summary(card: Card, here: Card) -> str | None:
    """Return which interval or p-value of the card is not the one that the same scores give here."""
    for name in (*SCORES, "difference"):
        theirs, ours = (getattr(side.results, name) for side in (card, here))
        if theirs is not None and ours is not None:
            moved = max(abs(theirs.low - ours.low), abs(theirs.high - ours.high), abs(theirs.mean - ours.mean))
            if moved > _slack(here):
                what = "difference" if name == "difference" else f"{name} score"
                sign: Sign = "+" if name == "difference" else ""
                there = with_sample(theirs, sign)
                return f"the {what} they give here is {with_sample(ours, sign)}, and that of the card {there}"
    theirs, ours = card.results.p_value, here.results.p_value
    if theirs is None or ours is None:
        return None
    if abs(theirs - ours) > 1.0 / RESAMPLES + DRAWING_ERRORS * math.sqrt(ours * (1.0 - ours) / RESAMPLES):
        return f"their p-value here is {ours:.4g}, and that of the card {theirs:.4g}"
    return None


def _slack(here: Card) -> float:
    """Return how far apart two means of the same scores may be; the card's own range is not to be trusted with it."""
    low, high = here.task.score_range
    return 1e-6 * (high - low)
