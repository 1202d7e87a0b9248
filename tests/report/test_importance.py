"""Which hyperparameters are said to matter."""

from __future__ import annotations

import random

import pytest

from sparse_hub_core.report.importance import FEWEST, groups_of, importances

KINDS = {
    "numbers of few values": lambda draw: draw.choice([16, 64, 256]),
    "numbers of many values": lambda draw: draw.random(),
    "texts": lambda draw: draw.choice(["a", "b", "c"]),
    "lists": lambda draw: draw.choice([[0, 1], [2], []]),
}


def search(kind, seed, num=40):
    """Configurations whose outcome follows one parameter, and not the other of the same kind."""
    draw = random.Random(seed)
    parameters = [{"matters": KINDS[kind](draw), "does not": KINDS[kind](draw)} for _ in range(num)]
    order = sorted({str(one["matters"]) for one in parameters}, key=lambda text: (len(text), text))
    values = []
    for one in parameters:
        matters = one["matters"]
        place = matters if isinstance(matters, float) else order.index(str(matters))
        values.append(place + 0.3 * draw.gauss(0.0, 1.0))
    return parameters, values


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_that_decides_is_told_from_one_that_does_not(kind):
    first, second = importances(*search(kind, seed=1))
    assert (first.parameter, second.parameter) == ("matters", "does not")
    assert first.share > 0.4
    assert first.is_told
    assert first.n == 40


def test_a_parameter_that_does_not_matter_passes_its_mark_as_often_as_chance_does():
    found = [one for seed in range(100) for one in importances(*search("texts", seed)) if one.parameter == "does not"]
    assert 0 < sum(one.is_told for one in found) <= 12


def test_the_order_matters_and_not_the_size_of_what_came_out():
    parameters, values = search("texts", seed=1)
    stretched = [value**3 for value in values]
    assert importances(parameters, values) == importances(parameters, stretched)


def test_too_few_or_equal_configurations_say_nothing():
    parameters, values = search("texts", seed=1)
    assert importances(parameters[: FEWEST - 1], values[: FEWEST - 1]) == []
    assert importances(parameters, [1.0] * len(values)) == []


def test_parameters_that_never_varied_or_never_repeated_are_left_out():
    parameters = [{"fixed": 1, "name": f"text {number}", "flag": number % 2 == 0} for number in range(20)]
    assert [one.parameter for one in importances(parameters, [float(n % 2) for n in range(20)])] == ["flag"]


def test_numbers_of_many_values_are_grouped_by_quarters():
    assert groups_of(list(range(100))).tolist() == [
        number // 25 if number % 25 else max(0, number // 25) for number in range(100)
    ]
    assert set(groups_of([1, 1.0, True, "1"]).tolist()) == {0, 1, 2, 3}
