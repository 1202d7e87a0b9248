"""What reproducing a result card means: the same questions, the same answers, or scores that differ by noise only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sparse_hub_core.report.card_claims import SCORES, contradiction, other_summary
from sparse_hub_core.report.numbers import with_sample
from sparse_hub_core.results.agreement import AgreementFile, Verdict
from sparse_hub_core.results.card import Card, CardLimits, CardQuestion
from sparse_hub_core.validation.comparison import Answers, Comparison, adjusted, compare
from sparse_hub_core.validation.statistics import FEW_REQUESTS, within_noise
from sparse_hub_core.wording import count

TOLERANCE = 0.05
"""Relative; another machine moves the density and the mean error by far less."""
FREE_SETTINGS = ("timeout", "max_requests")
"""Validation settings that do not change what one question gives."""


def agreement(card: Card, here: Card) -> AgreementFile:
    """Return how far what was measured here agrees with a card.

    Args:
        card: What was published.
        here: The card of its reproduction.
    """
    theirs, ours = _by_place(card), _by_place(here)
    shared = sorted(theirs.keys() & ours.keys())
    pairs = [(ours[place], theirs[place]) for place in shared]
    dense, sparse = _both_compared(pairs, here)
    verdict, reason = _verdict(card, here, pairs, dense, sparse)
    return AgreementFile(
        verdict=verdict,
        reason=reason,
        unlike=list(_unlike(card, here)),
        questions_of_card=len(theirs),
        questions_here=len(ours),
        questions_shared=len(shared),
        same_dense=sum(our.dense_sha256 == their.dense_sha256 for our, their in pairs),
        same_sparse=sum(our.sparse_sha256 == their.sparse_sha256 for our, their in pairs),
        same_scores=sum(_same_scores(our, their) for our, their in pairs),
        dense_difference=None if dense is None else dense.difference,
        sparse_difference=None if sparse is None else sparse.difference,
        density_of_card=card.results.density,
        density_here=here.results.density,
        error_of_card=card.results.error_mean,
        error_here=here.results.error_mean,
    )


def _verdict(
    card: Card,
    here: Card,
    pairs: Sequence[tuple[CardQuestion, CardQuestion]],
    dense: Comparison | None,
    sparse: Comparison | None,
) -> tuple[Verdict, str]:
    claimed = contradiction(card, here)
    if claimed is not None:
        return "does not agree", f"the card contradicts itself: {claimed}"
    other = list(_other_settings(card, here))
    if other:
        return "another measurement", f"{', '.join(other)}; leave out such flags to reproduce the card"
    if not pairs:
        return "does not agree", "no question of the card was asked here, so the data or the benchmark is another"
    told = f"{_same(pairs)}; {_differences(dense, sparse)}"
    is_whole = len(pairs) == len(card.questions) == len(here.questions)
    same = [our.dense_sha256 == their.dense_sha256 and our.sparse_sha256 == their.sparse_sha256 for our, their in pairs]
    scored_alike = [_same_scores(our, their) for our, their in pairs]
    if any(answer and not score for answer, score in zip(same, scored_alike, strict=True)):
        number = sum(answer and not score for answer, score in zip(same, scored_alike, strict=True))
        return "does not agree", f"the card scores {number} of {len(pairs)} otherwise whose answers are the same here"
    if is_whole and all(scored_alike) and (summary := other_summary(card, here)) is not None:
        return "does not agree", f"the scores of all questions are the same, but {summary}"
    if is_whole and all(same) and all(scored_alike) and _numbers(card) == _numbers(here):
        return "reproduced to the bit", f"{_same(pairs)}, and so are all scores, densities and errors"
    for comparison in (dense, sparse):
        if comparison is not None and comparison.is_told:
            return "does not agree", f"the difference is more than noise: {told}"
    if dense is None and sparse is None and not is_whole and not all(same):
        return "another measurement", f"{_same(pairs)}, and there are neither scores nor all questions to compare"
    moved = _moved(card, here) if is_whole else None
    if moved is not None:
        return "does not agree", f"{moved}; {told}"
    where = "" if is_whole else f"on the {count(len(pairs), 'question')} that both answered, "
    clusters = len({our.request_id for our, _ in pairs})
    few = f"; {count(clusters, 'request')} can only show large differences" if clusters < FEW_REQUESTS else ""
    if any(one is not None and not within_noise(one.difference) for one in (dense, sparse)):
        # A test that does not reject is no sign of agreement where the interval leaves out 0.
        why = "the interval of a difference leaves out 0, and its test does not tell it from noise"
        return "cannot tell whether it agrees", f"{where}{told}; {why}: validate more requests"
    return "agrees", f"{where}{told}{few}"


def _other_settings(card: Card, here: Card) -> Iterator[str]:
    for name in CardLimits.model_fields:
        theirs, ours = (getattr(side.validation.settings, name) for side in (card, here))
        if name not in FREE_SETTINGS and ours != theirs:
            yield f"--validation-{name.replace('_', '-')} is {ours} here and {theirs} in the card"
    for name in ("seed", "dtype"):
        ours, theirs = getattr(here.validation, name), getattr(card.validation, name)
        if ours != theirs:
            yield f"--{name} is {ours} here and {theirs} in the card"


def _unlike(card: Card, here: Card) -> Iterator[str]:
    """Yield what differs beside the numbers, the most telling first."""
    for what, read in _CONDITIONS:
        theirs, ours = read(card), read(here)
        if theirs != ours:
            yield f"{what}: {ours} here, {theirs} in the card"
    for what, theirs, ours in (
        ("code of", card.code, here.code),
        ("version of", card.versions, here.versions),
        ("hardware,", card.hardware, here.hardware),
    ):
        yield from _unlike_entries(what, theirs, ours)


def _unlike_entries(what: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    # What only one side has installed has no part in the result.
    for name in theirs:
        if name in ours and theirs[name] != ours[name]:
            yield f"{what} {name}: {ours[name]} here, {theirs[name]} in the card"


_CONDITIONS: tuple[tuple[str, Callable[[Card], Any]], ...] = (
    ("content of the model", lambda card: card.model.fingerprint),
    ("data", lambda card: card.task.data),
    ("version of the benchmark", lambda card: card.task.benchmark_version),
    ("metric", lambda card: card.task.metric),
    ("range of the scores", lambda card: list(card.task.score_range)),
    ("whether higher is better", lambda card: card.task.higher_is_better),
    (
        "digests of files",
        lambda card: {name: it for one in card.configuration.maskers for name, it in one.files.items()},
    ),
    ("device", lambda card: card.validation.device),
)


def _both_compared(
    pairs: Sequence[tuple[CardQuestion, CardQuestion]], here: Card
) -> tuple[Comparison | None, Comparison | None]:
    """Return how dense and sparse scores differ, adjusted as two that are looked at together."""
    dense, sparse = (_compared(pairs, here, part) for part in SCORES.values())
    if dense is None or sparse is None:
        return dense, sparse
    first, second = adjusted([dense, sparse])
    return first, second


def _compared(
    pairs: Sequence[tuple[CardQuestion, CardQuestion]], here: Card, part: Callable[[CardQuestion], float | None]
) -> Comparison | None:
    """Return the scores here minus those of the card; None where no question has both."""
    ours, theirs = {}, {}
    for our, their in pairs:
        mine, its = part(our), part(their)
        if mine is not None and its is not None:
            ours[our.place], theirs[our.place] = mine, its
    if not ours:
        return None
    return compare(Answers("here", ours), Answers("the card", theirs), here.task.score_range, here.validation.seed)


def _moved(card: Card, here: Card) -> str | None:
    for name, theirs, ours in (
        ("density", card.results.density, here.results.density),
        ("mean attention error", card.results.error_mean, here.results.error_mean),
    ):
        if theirs is not None and ours is not None and not math.isclose(theirs, ours, rel_tol=TOLERANCE, abs_tol=1e-6):
            return f"the {name} is {ours:.4g} here and {theirs:.4g} in the card"
    return None


def _numbers(card: Card) -> Any:
    results = card.results
    return results.density, results.io_density, results.error_mean, results.error_p95, results.error_by_layer


def _same(pairs: Sequence[tuple[CardQuestion, CardQuestion]]) -> str:
    dense = sum(our.dense_sha256 == their.dense_sha256 for our, their in pairs)
    sparse = sum(our.sparse_sha256 == their.sparse_sha256 for our, their in pairs)
    return f"{dense} of {len(pairs)} dense and {sparse} of {len(pairs)} sparse answers are the same"


def _differences(dense: Comparison | None, sparse: Comparison | None) -> str:
    told = [
        f"the {name} score here minus that of the card is {with_sample(comparison.difference, '+')}"
        for name, comparison in (("dense", dense), ("sparse", sparse))
        if comparison is not None
    ]
    return ", ".join(told) if told else "there are no scores to compare, so it rests on density and error alone"


def _same_scores(our: CardQuestion, their: CardQuestion) -> bool:
    return our.dense_score == their.dense_score and our.sparse_score == their.sparse_score


def _by_place(card: Card) -> dict[tuple[str, int], CardQuestion]:
    return {question.place: question for question in card.questions}
