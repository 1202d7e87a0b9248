"""What the page warns of."""

from __future__ import annotations

import pytest

from sparse_hub_core.report.cautions import cautions, expected_in_search, mean_interval
from sparse_hub_core.report.files import read_run
from sparse_hub_core.results.files import read_json
from sparse_hub_core.results.schema import SummaryFile
from tests.cli.conftest import interval


def found(folder, best=None, validation=None):
    """Return the places by kind, for one winner with changed numbers."""
    summary = read_json(folder / "summary.json", SummaryFile)
    cell = summary.cells[1]
    changed = cell.model_copy(
        update={
            "best": cell.best.model_copy(update={"num_requests": 5, "error": 0.0133} | (best or {})),
            "validation": cell.validation.model_copy(
                update={"density_validation": cell.best.density, "io_density_validation": 0.02} | (validation or {})
            ),
        }
    )
    run = read_run(folder, SummaryFile(run_id=summary.run_id, cells=[changed]))
    return {caution.kind: " ".join(caution.places) for caution in cautions(run)}


def test_a_difference_within_noise_says_what_would_have_shown(full_folder):
    places = found(full_folder)["n too small to tell"]
    assert places.endswith(
        "-1.25 [-4, +1.5] on 40 questions in 20 requests; the interval holds 0, and would have up to a difference of "
        "about 2.75."
    )
    unsure = {"difference": interval(-15.0, -28.0, -2.0), "within_noise": False, "p_value": 0.0625}
    assert found(full_folder, validation=unsure)["n too small to tell"].endswith(
        "the interval leaves out 0, but the adjusted p is 0.062, above 0.05."
    )
    worse = found(full_folder, validation={"difference": interval(-60.0, -75.0, -45.0), "within_noise": False})
    assert "n too small to tell" not in worse


@pytest.mark.parametrize(
    ("best", "told"),
    [
        ({"score": 93.0}, None),
        ({"score": 20.0}, "score 20 on 5 requests of the search, 93.75 on 20 of the validation"),
        ({"error": 0.02}, "attention error 0.02 on 5 requests of the search, 0.01325 on 20"),
        ({"error": 0.02, "fidelity": "F1"}, None),
        ({"score": 20.0, "num_requests": 0}, None),
    ],
)
def test_search_and_validation_that_disagree_are_told_with_what_was_expected(full_folder, best, told):
    place = found(full_folder, best).get("Search and validation disagree")
    assert place is None if told is None else told in place


def test_what_so_few_requests_may_give_is_wider_the_fewer_they_are():
    validated = interval(50.0, 40.0, 55.0)
    assert expected_in_search(validated, 20) == pytest.approx((50 - 10 * 2**0.5, 50 + 5 * 2**0.5))
    few, fewer = expected_in_search(validated, 5), expected_in_search(validated, 2)
    assert fewer[0] < few[0] < few[1] < fewer[1]


def test_the_mean_interval_is_students():
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.high - found.mean) == (2.0, pytest.approx(4.3027 / 3**0.5, rel=1e-4))
    assert mean_interval([1.0]) is None


@pytest.mark.parametrize(("density", "is_told"), [(0.0385, False), (0.03, True), (0.08, True)])
def test_a_density_that_shifts_with_length_is_told(full_folder, density, is_told):
    settings = {"search_settings": {"max_context_length": 512}, "validation_settings": {"max_context_length": 1024}}
    places = found(full_folder, settings, {"density_validation": density})
    assert ("Density shifts with length" in places) == is_told
    if is_told:
        assert "4.00% in search" in places["Density shifts with length"]
        assert "contexts of up to 512 and 1024 tokens" in places["Density shifts with length"]


@pytest.mark.parametrize(
    ("best", "validation", "told"),
    [
        ({"density": 0.03}, {"density_validation": 0.03}, None),
        ({"density": 0.03}, {"density_validation": 0.031}, "density in validation is 3.10%, the limit 3.00%."),
        ({"density": 0.04}, {"density_validation": 0.03}, "density in search is 4.00%, the limit 3.00%."),
        ({"density": 0.04, "target": "density-5"}, {"density_validation": 0.04}, None),
        ({"density": 0.06, "target": "density-5"}, {"density_validation": 0.04}, "6.00%, the limit 5.00%."),
    ],
)
def test_a_winner_over_its_budget_is_told(full_folder, best, validation, told):
    place = found(full_folder, best, validation).get("Over the budget")
    assert place is None if told is None else told in place


@pytest.mark.parametrize(
    ("best", "validation", "kind"),
    [
        ({}, {"io_density_validation": 1.2}, "Reads more than dense attention"),
        ({"density": 0.8}, {}, "Reads more than half of the keys"),
        ({}, {"score_range": (0.0, 1000.0)}, "Dense attention can hardly do the task"),
    ],
)
def test_reasons_not_to_take_a_winner_are_told(full_folder, best, validation, kind):
    assert kind not in found(full_folder)
    assert kind in found(full_folder, best, validation)
