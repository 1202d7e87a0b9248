"""Intervals and tests by simulation: they hold what they promise, and beside them the wrong method does not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from sparse_hub_core.results.schema import Interval
from sparse_hub_core.validation.significance import MCNEMAR, SIGN_FLIP, holm, paired_test
from sparse_hub_core.validation.statistics import clustered_mean, is_told, paired_difference, requests_needed

sys.path.append(str(Path(__file__).parent.parent.parent / "benchmarks"))
SIMULATED: ModuleType = import_module("simulated.cases")
PERCENT = (0.0, 100.0)
LOOPS = 600
NOISE = 3 * (0.05 * 0.95 / LOOPS) ** 0.5
"""Three standard errors of a share of 5%."""

ByRequest = Sequence[Sequence[float]]


def coverage(case, requests: int, interval=clustered_mean) -> float:
    rng = np.random.default_rng(requests)
    found = (interval(case.draw(rng, requests), case.lowest, 100.0) for _ in range(LOOPS))
    return sum(one.low - 1e-9 <= case.truth <= one.high + 1e-9 for one in found) / LOOPS


@pytest.mark.parametrize("requests", [10, 20, 50])
@pytest.mark.parametrize(
    "case",
    [
        SIMULATED.right_or_wrong(0.17, 0.03),
        SIMULATED.right_or_wrong(0.04, 0.01),
        SIMULATED.graded_changes(0.4, 0.6),
        SIMULATED.clustered_right_or_wrong(0.2, 0.1, 0.5),
        SIMULATED.clustered_right_or_wrong(0.05, 0.02, 0.7),
        SIMULATED.clustered_graded(0.0, -3.0),
    ],
    ids=lambda case: case.name,
)
def test_an_interval_holds_the_truth_in_95_of_100_cases(case, requests: int) -> None:
    assert coverage(case, requests) >= 0.95 - NOISE


@pytest.mark.parametrize("requests", [50, 200])
def test_an_interval_allows_for_a_spread_that_few_requests_make_up(requests: int) -> None:
    assert coverage(SIMULATED.graded_rare(0.1), requests) >= 0.95 - NOISE


def test_an_interval_that_does_not_cluster_misses_too_often() -> None:
    def unclustered(values: ByRequest, low: float, high: float) -> Interval:
        return clustered_mean([[value] for of_request in values for value in of_request], low, high)

    case = SIMULATED.clustered_right_or_wrong(0.2, 0.1, 0.5)
    assert coverage(case, 50) >= 0.95 - NOISE
    assert coverage(case, 50, unclustered) < 0.9


def test_an_interval_of_the_plain_t_misses_too_often_where_few_requests_differ() -> None:
    def plain(values: ByRequest, low: float, high: float) -> Interval:
        found = clustered_mean(values, low, high)
        half = stats.t.ppf(0.975, found.clusters - 1) * (found.standard_error or 0.0)
        return found.model_copy(update={"low": found.mean - half, "high": found.mean + half})

    case = SIMULATED.right_or_wrong(0.04, 0.01)
    assert coverage(case, 50) >= 0.95 - NOISE
    assert coverage(case, 50, plain) < 0.9


def paired(rng: np.random.Generator, requests: int, loss: float) -> tuple[ByRequest, ByRequest]:
    """Return sparse and dense scores of requests that are easy or hard for both; sparse loses some."""
    easy = rng.uniform(0.0, 100.0, requests)
    dense = np.clip(easy + rng.normal(0.0, 3.0, requests), 0.0, 100.0)
    sparse = np.clip(dense - loss + rng.normal(0.0, 3.0, requests), 0.0, 100.0)
    return [[score] for score in sparse.tolist()], [[score] for score in dense.tolist()]


def test_a_paired_interval_sees_what_intervals_side_by_side_do_not() -> None:
    rng = np.random.default_rng(0)
    seen = side_by_side = 0
    for _ in range(100):
        sparse, dense = paired(rng, 40, 4.0)
        seen += paired_difference(sparse, dense, *PERCENT).high < 0.0
        side_by_side += clustered_mean(sparse, *PERCENT).high < clustered_mean(dense, *PERCENT).low
    assert seen >= 95
    assert side_by_side <= 5


def answered(
    rng: np.random.Generator, requests: int, disagree: float, lost: float = 0.5
) -> tuple[ByRequest, ByRequest]:
    """Return right or wrong answers that disagree so often, and of these so many to the first one's loss."""
    dense = rng.random(requests) < 0.8
    differs, first_loses = rng.random(requests) < disagree, rng.random(requests) < lost
    first = np.where(differs, ~first_loses, dense)
    second = np.where(differs, first_loses, dense)
    return [[100.0 * float(right)] for right in first], [[100.0 * float(right)] for right in second]


def clustered(rng: np.random.Generator, requests: int, worse: float = 0.0) -> tuple[ByRequest, ByRequest]:
    """Return 1 to 5 graded answers a request, each side with its own luck that it shares within a request."""
    sizes = rng.integers(1, 6, requests)
    luck = rng.normal(0.0, 15.0, (2, requests))
    first, second = (
        [(60.0 + luck[side, i] - loss + rng.normal(0.0, 5.0, size)).tolist() for i, size in enumerate(sizes)]
        for side, loss in enumerate((worse, 0.0))
    )
    return first, second


@pytest.mark.parametrize(
    ("draw", "test"),
    [
        (lambda rng: answered(rng, 20, 0.4), MCNEMAR),
        (lambda rng: answered(rng, 50, 0.1), MCNEMAR),
        (lambda rng: clustered(rng, 10), SIGN_FLIP),
        (lambda rng: clustered(rng, 30), SIGN_FLIP),
    ],
    ids=[
        "McNemar, 20 of which 8 differ",
        "McNemar, 50 of which 5 differ",
        "sign flip, all signs",
        "sign flip, sampled",
    ],
)
def test_where_nothing_differs_a_test_rejects_in_5_of_100_cases_at_most(draw, test: str) -> None:
    rng = np.random.default_rng(1)
    found = [paired_test(*draw(rng), PERCENT) for _ in range(LOOPS)]
    assert {one.test for one in found} == {test}
    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.05 + NOISE


def test_a_test_that_does_not_cluster_rejects_too_often() -> None:
    rng = np.random.default_rng(1)
    rejected = []
    for _ in range(100):
        alone = [[[score] for of_request in side for score in of_request] for side in clustered(rng, 15)]
        rejected.append(paired_test(*alone, PERCENT).p_value <= 0.05)
    assert np.mean(rejected) > 0.15


def test_a_loss_is_told_about_as_often_as_the_number_of_requests_promises() -> None:
    """Power, so that an interval that is always wide, or a test that never rejects, fails."""
    rng = np.random.default_rng(2)
    # 12% disagree, of which three in four to sparse's loss: 6 points on average.
    requests = 250
    told, needed = [], []
    for _ in range(LOOPS // 2):
        sparse, dense = answered(rng, requests, 0.12, 0.75)
        difference = paired_difference(sparse, dense, *PERCENT)
        told.append(is_told(difference, paired_test(sparse, dense, PERCENT).p_value))
        needed.append(requests_needed(difference, 6.0))
    assert np.median(needed) == pytest.approx(requests, rel=0.1)
    assert 0.7 <= np.mean(told) <= 0.9


def test_5_of_100_discordant_pairs_take_981_requests_to_see_2_points() -> None:
    even = [[100.0]] * 25 + [[-100.0]] * 25 + [[0.0]] * 950
    assert requests_needed(clustered_mean(even, -100.0, 100.0), 2.0) == pytest.approx(981, abs=2)


def test_holm_keeps_a_whole_family_of_presets_to_5_of_100_and_single_tests_do_not() -> None:
    rng = np.random.default_rng(3)
    alone, adjusted = [], []
    for _ in range(LOOPS):
        dense = rng.random(60) < 0.5
        p_values = []
        for _ in range(6):
            # Half of a preset's answers are dense attention's, the other half as often right by chance.
            sparse = np.where(rng.random(60) < 0.5, dense, rng.random(60) < 0.5)
            sides = ([[100.0 * float(right)] for right in side] for side in (sparse, dense))
            p_values.append(paired_test(*sides, PERCENT).p_value)
        alone.append(min(p_values) <= 0.05)
        adjusted.append(min(holm(p_values)) <= 0.05)
    assert np.mean(adjusted) <= 0.05 + NOISE
    assert np.mean(alone) > 0.1
