"""Verdicts of several winners of one task: adjusted, with a margin, and with the requests that were missing."""

from __future__ import annotations

import re

import pytest

from sparse_hub_core.report.notes import adjusted_sentence, no_worse_sentence, notes, power_sentence
from sparse_hub_core.report.rows import VERDICTS, cell_row, cell_rows, failures, summary_table
from sparse_hub_core.results.schema import Interval


def family(cells, *seen: tuple[float, float, float, float], **more):
    """Return dense attention and a winner for each (mean, low, high, p-value)."""
    found = [cells[0]]
    for number, (mean, low, high, p_value) in enumerate(seen):
        difference = Interval(mean=mean, low=low, high=high, n=40, clusters=20, standard_error=(high - low) / 4)
        update = {
            "difference": difference,
            "within_noise": low <= 0 <= high,
            "p_value": p_value,
            "test": "exact McNemar test",
            "score_range": (0.0, 100.0),
        }
        judged = cells[2].validation.model_copy(update=update | more)
        found.append(cells[2].model_copy(update={"preset": f"p{number}", "best": None, "validation": judged}))
    return found


CLEAR, NEARLY, NOISE = (-30.0, -45.0, -15.0, 0.001), (-10.0, -19.0, -1.0, 0.03), (-1.0, -5.0, 3.0, 0.6)


def test_p_values_are_adjusted_over_the_winners_of_a_task(cells):
    assert [row.p_value for row in cell_rows(family(cells, CLEAR, NEARLY, NOISE))] == ["-", "0.003", "0.06", "0.6"]
    other = [cell.model_copy(update={"task": "other"}) for cell in family(cells, NEARLY)]
    assert cell_rows([*family(cells, CLEAR), *other])[-1].p_value == "0.03"
    headings, rows = summary_table(family(cells, CLEAR, NEARLY), VERDICTS)
    assert [row[headings.index("p (adjusted)")] for row in rows] == ["-", "0.002", "0.03"]


def test_a_difference_counts_only_where_interval_and_adjusted_p_agree(cells):
    alone = cell_rows(family(cells, NEARLY))
    assert alone[1].verdict == "worse than dense"
    among = cell_rows(family(cells, CLEAR, NEARLY, NOISE))
    assert [row.verdict for row in among] == ["baseline", "worse than dense", "within noise", "within noise"]
    wide = cell_rows(family(cells, (-10.0, -21.0, 1.0, 0.001)))
    assert wide[1].verdict == "within noise"


def test_a_verdict_that_adjusting_changed_is_explained(cells):
    sentence = adjusted_sentence(family(cells, CLEAR, NEARLY, NOISE))
    assert "exact McNemar test, adjusted by Holm over the 3 winners of ruler/niah_multikey_2" in sentence
    assert re.search(r"leaves out 0, as one of so many winners may .*: p1 in ruler/niah_multikey_2\.$", sentence)
    few = adjusted_sentence(family(cells, (-60.0, -90.0, -5.0, 0.06)))
    assert re.search(r"leaves out 0, as so few requests .*: p0 in ruler/niah_multikey_2\.$", few)
    assert adjusted_sentence(family(cells, CLEAR)).endswith("over the 1 winner of ruler/niah_multikey_2.")
    assert adjusted_sentence(cells) is None


@pytest.mark.parametrize(
    ("seen", "more", "told"),
    [
        ((0.1, -0.9, 1.1, 0.9), {}, "within noise, no more than 1 point worse"),
        ((0.1, -1.1, 1.3, 0.9), {}, "within noise"),
        ((-0.5, -0.9, -0.1, 0.01), {}, "worse than dense, by no more than 1 point"),
        ((0.5, 0.1, 0.9, 0.01), {}, "better than dense"),
        ((0.5, 0.1, 0.9, 0.01), {"higher_is_better": False}, "worse than dense, by no more than 1 point"),
        ((0.9, -3.0, 1.1, 0.9), {"higher_is_better": False}, "within noise"),
        ((0.0, -0.009, 0.009, 0.9), {"score_range": (0.0, 1.0)}, "within noise, no more than 0.01 points worse"),
        ((0.1, -0.9, 1.1, 0.9), {"score_range": None}, "within noise"),
    ],
)
def test_no_more_than_a_point_worse_is_said_only_where_the_interval_shows_it(cells, seen, more, told):
    run = family(cells, seen, **more)
    assert cell_rows(run)[1].verdict == told
    assert (no_worse_sentence(run) is not None) == ("no more than" in told)


def test_results_without_a_p_value_keep_the_verdict_of_their_interval(cells):
    assert [cell_row(cell).verdict for cell in cells[1:3]] == ["within noise", "worse than dense"]
    assert "p (adjusted)" not in summary_table(cells)[0]


def test_a_task_with_too_few_requests_says_how_many_it_takes(cells):
    sentence = power_sentence(family(cells, CLEAR, NOISE))
    found = re.search(r"niah_multikey_2 has 20, and a loss of 2 points takes about (\d+) to (\d+)\.$", sentence)
    # Standard errors 2 and 7.5 of 20 requests: ((1.96 + 0.84) / 2)^2 * 20 * error^2.
    assert [int(number) for number in found.groups()] == [157, 2208]
    assert power_sentence(family(cells, (0.0, -0.5, 0.5, 1.0))) is None
    assert sentence in notes(family(cells, CLEAR, NOISE))


@pytest.mark.parametrize(("best", "is_told"), [(100.0, False), (1000.0, True)])
def test_a_task_that_dense_attention_can_hardly_do_is_told(cells, best, is_told):
    told = " ".join(notes(family(cells, CLEAR, score_range=(0.0, best))))
    sentence = "Dense attention can hardly do the task: 95 in ruler/niah_multikey_2, nearer to the worst score than 20%"
    assert (sentence in told) == is_told


def test_a_failed_density_is_named(cells):
    failed = [cells[3].model_copy(update={"target": f"density-{density}"}) for density in (5, 12.5)]
    (told,) = failures(failed)
    assert "broken, density <= 5%, broken, density <= 12.5%: No trial" in told
