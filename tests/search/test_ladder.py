from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sparse_hub_core import Masker, MaskerConfig, SparseHubError, create_optimizer, get_masker_config
from sparse_hub_core.search.ladder import (
    FINALISTS,
    correlate,
    expected_counts,
    expected_work,
    is_poor,
    num_promoted,
    promoted,
    rungs,
)
from sparse_hub_core.search_plan import search_rungs


@pytest.mark.parametrize(
    ("chosen", "masks_prefix", "climbed"),
    [
        ("ladder", False, ["F0", "F1", "F2", "F3"]),
        ("ladder", True, ["F2", "F3"]),
        ("F0", False, ["F0"]),
        ("F2", True, ["F2"]),
        ("F3", False, ["F3"]),
    ],
)
def test_rungs_come_the_cheapest_first(chosen, masks_prefix, climbed):
    found = rungs(chosen, masks_prefix)
    assert [rung.fidelity for rung in found] == climbed
    assert [rung.num_seeds for rung in found] == sorted(rung.num_seeds for rung in found)
    assert all(rung.runs_model == (rung.fidelity in ("F2", "F3")) for rung in found)


class ReadsThePrefix(Masker):
    stage = "prefill"

    def add_mask(self, layer, queries, mask):
        return mask


class PrefixConfig(MaskerConfig):
    def create_masker(self):
        return ReadsThePrefix()

    @staticmethod
    def get_search_space(task_name):
        return {}


@pytest.mark.parametrize("fidelity", ["F0", "F1"])
def test_a_stack_that_reads_the_prefix_sparsely_is_not_replayed(fidelity):
    optimizer = create_optimizer([PrefixConfig])
    assert [rung.fidelity for rung in search_rungs("ladder", optimizer, "t")] == ["F2", "F3"]
    assert [rung.fidelity for rung in search_rungs("F2", optimizer, "t")] == ["F2"]
    with pytest.raises(SparseHubError, match=r"reads the prefix sparsely.*use --fidelity ladder, F2 or F3"):
        search_rungs(fidelity, optimizer, "t")
    decoding = create_optimizer([get_masker_config("sink")])
    assert [rung.fidelity for rung in search_rungs(fidelity, decoding, "t")] == [fidelity]


counts = st.integers(1, 300)


@given(counts, counts, st.sampled_from(["F1", "F2", "F3"]), st.integers(1, 4))
def test_more_that_finish_send_no_fewer_on_and_enough_of_them(fewer, more, to, num_targets):
    fewer, more = sorted((fewer, more))
    count = num_promoted(fewer, to, num_targets)
    assert min(fewer, FINALISTS) <= count <= fewer
    assert count <= num_promoted(more, to, num_targets)
    assert num_promoted(more, "F3", num_targets) <= num_promoted(more, "F2", num_targets)


def test_the_counts_of_a_search():
    assert expected_counts(50, rungs("ladder", False)) == {"F0": 50, "F1": 17, "F2": 6, "F3": 4}
    assert expected_counts(50, rungs("ladder", False), 3) == {"F0": 50, "F1": 17, "F2": 12, "F3": 12}
    assert expected_counts(3, rungs("ladder", True)) == {"F2": 3, "F3": 3}


def test_most_of_the_work_of_a_ladder_is_in_its_few_dear_trials():
    work = expected_work(50, rungs("ladder", False), 1, 10)
    assert work == pytest.approx(50 * 3 * 0.02 + 17 * 5 * 0.06 + 6 * 5 * 0.25 + 4 * 10)
    assert 40 < work < 2 * 40


@given(counts, counts)
def test_the_best_go_on_and_a_few_of_the_others(num_ranked, count):
    count = min(count, num_ranked)
    chosen = promoted(range(num_ranked), count)
    assert len(chosen) == len(set(chosen)) == count
    assert set(chosen) <= set(range(num_ranked))
    assert set(range(math.ceil(0.75 * count))) <= set(chosen)


def test_those_of_the_others_are_spread_over_them():
    assert promoted(range(50), 8) == [0, 1, 2, 3, 4, 5, 17, 39]


BELOW, ABOVE = [0.1, 0.4, 0.2, 0.9, 0.5, 0.7], [3.0, 1.0, 2.0, 9.0, 4.0, 8.0]


def test_a_rank_correlation_is_scipys():
    found = correlate("F0", "F1", BELOW, ABOVE)
    assert found.spearman == pytest.approx(stats.spearmanr(BELOW, ABOVE).statistic)
    assert found.spearman == pytest.approx(1 - 6 * (2**2 + 2**2 + 0 + 0 + 0 + 0) / (6 * 35))
    assert found.kendall == pytest.approx(stats.kendalltau(BELOW, ABOVE).statistic)
    assert (found.lower, found.upper, found.n) == ("F0", "F1", 6)
    assert -1 <= found.low < found.spearman < found.high <= 1


@given(st.permutations(range(12)), st.permutations(range(4)))
def test_an_interval_holds_its_correlation_and_narrows_with_n(many, few):
    intervals = [correlate("F0", "F1", range(len(ranks)), ranks) for ranks in (many, few)]
    for one in intervals:
        assert -1 <= one.low <= one.spearman <= one.high <= 1
    of_many, of_few = (one.high - one.low for one in intervals)
    if intervals[0].spearman == intervals[1].spearman:
        assert of_many < of_few


@pytest.mark.parametrize(
    ("below", "above"),
    [([], []), ([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, 4], [2, 2, 2, 2])],
)
def test_too_few_or_equal_values_have_no_correlation(below, above):
    assert correlate("F0", "F1", below, above) is None


@pytest.mark.parametrize(
    ("above", "poor"), [([1, 2, 3, 4, 5], False), ([5, 4, 3, 2, 1], True), ([2, 5, 1, 4, 3], True)]
)
def test_a_poor_correlation_is_told_from_none(above, poor):
    assert is_poor(correlate("F0", "F1", [1, 2, 3, 4, 5], above)) == poor
    assert not is_poor(None)
