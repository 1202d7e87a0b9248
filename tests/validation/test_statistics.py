from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_hub_core.validation.statistics import clustered_mean, paired_difference, within_noise

SCORES = st.lists(st.lists(st.sampled_from([0.0, 50.0, 100.0]), min_size=1, max_size=3), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(SCORES)
def test_the_interval_holds_the_mean_and_stays_on_the_scale(values):
    found = clustered_mean(values, 0.0, 100.0)
    assert -1e-9 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= 100.0 + 1e-9
    assert found.n == sum(map(len, values))
    assert found.clusters == len(values)


@pytest.mark.parametrize("n", [1, 5, 20, 100])
def test_equal_values_leave_room_for_what_was_not_seen(n):
    found = paired_difference([[100.0]] * n, [[100.0]] * n, 0.0, 100.0)
    unseen = 100.0 * (1 - 0.05 ** (1 / n))
    assert (found.mean, found.low, found.high) == pytest.approx((0.0, -unseen, unseen))
    assert within_noise(found)


def test_pairing_removes_what_both_share():
    rng = np.random.default_rng(0)
    dense = [[float(score)] for score in rng.uniform(0, 90, 40)]
    sparse = [[score[0] + 5.0 + float(rng.normal())] for score in dense]
    paired = paired_difference(sparse, dense, 0.0, 100.0)
    alone = clustered_mean(sparse, 0.0, 100.0)
    assert not within_noise(paired)
    assert paired.high - paired.low < (alone.high - alone.low) / 5


def test_questions_about_one_context_are_not_counted_as_independent():
    rng = np.random.default_rng(1)
    contexts = [float(score) for score in rng.choice([0.0, 100.0], 20)]
    once = clustered_mean([[score] for score in contexts], 0.0, 100.0)
    five_times = clustered_mean([[score] * 5 for score in contexts], 0.0, 100.0)
    assert five_times.n == 5 * once.n
    assert five_times.high - five_times.low == pytest.approx(once.high - once.low, rel=0.1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        found = clustered_mean([[100.0 * float(hit)] for hit in rng.random(60) < 0.6], 0.0, 100.0)
        covered += found.low <= 60.0 <= found.high
    assert covered >= 86


def test_the_standard_error_is_that_of_the_mean_for_one_question_a_request():
    values = [0.0, 100.0, 50.0, 100.0]
    expected = np.std(values, ddof=1) / len(values) ** 0.5
    assert clustered_mean([[value] for value in values], 0, 100).standard_error == pytest.approx(expected)


def test_the_standard_error_grows_where_questions_share_a_context():
    alone = clustered_mean([[value] for value in (0.0, 0.0, 100.0, 100.0)], 0, 100).standard_error
    assert clustered_mean([[0.0, 0.0], [100.0, 100.0]], 0, 100).standard_error > 1.5 * alone
    assert clustered_mean([[0.0, 100.0]], 0, 100).standard_error is None
