"""Every masker config: what it accepts, what it refuses, what it offers to a search."""

from __future__ import annotations

import dataclasses
import json
import pickle
import random
from typing import Any

import pytest

from sparse_hub_core import ConfigError, get_masker_config, resolve_size

FIELDS = [("sink", "sink_size"), ("local", "window_size"), ("oracle_top_k", "heavy_size")]
NAMES = [name for name, _ in FIELDS]


@pytest.mark.parametrize(("name", "field"), FIELDS)
@pytest.mark.parametrize("value", [1, 7, 10**9, 1e-9, 0.5, 1.0])
def test_a_count_and_a_share_are_sizes(name: str, field: str, value: float) -> None:
    config = get_masker_config(name)(**{field: value})
    assert getattr(config, field) == value
    assert type(getattr(config, field)) is type(value)


@pytest.mark.parametrize(("name", "field"), FIELDS)
@pytest.mark.parametrize(
    "value", [0, -1, 0.0, -0.5, 1.5, True, False, float("nan"), float("inf"), "4", None, [4], 4 + 0j]
)
def test_other_values_are_refused_by_name_value_and_range(name: str, field: str, value: Any) -> None:
    config_class = get_masker_config(name)
    with pytest.raises(ConfigError) as caught:
        config_class(**{field: value})
    message = str(caught.value)
    assert message.startswith(f"{config_class.__name__}.{field} = {value!r} is out of range: ")
    assert "it must be a whole number of at least 1, or a share above 0" in message
    assert "\n" not in message
    with pytest.raises(ConfigError, match="is out of range"):
        dataclasses.replace(config_class(), **{field: value})


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_field_that_is_not_there_suggests_one_that_is(name: str, field: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{field}'"):
        get_masker_config(name).from_parameters({field.replace("_", ""): 4})


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_config_stays_as_it_is_and_survives_json_and_pickle(name: str, field: str) -> None:
    config_class = get_masker_config(name)
    config = config_class(**{field: 5})
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, field, 6)
    assert config_class.from_parameters(json.loads(json.dumps(config.parameters()))) == config
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301
    assert hash(config) == hash(config_class(**{field: 5}))
    assert config_class().parameters() == config_class.from_parameters({}).parameters()


@pytest.mark.parametrize("name", NAMES)
def test_every_point_of_the_search_space_is_a_config(name: str) -> None:
    config_class, rng = get_masker_config(name), random.Random(0)
    space = config_class.get_search_space("ruler/niah")
    assert space
    assert space.keys() <= {field.name for field in dataclasses.fields(config_class)}
    for field, domain in space.items():
        for value in (*domain.grid(), *(domain.sample(rng) for _ in range(20))):
            assert value in domain
            assert getattr(config_class.from_parameters({field: value}), field) == value
    assert any(
        config_class(**{field: value}).infeasible_because(1000) is None
        for field, domain in space.items()
        for value in domain.grid()
    )


@pytest.mark.parametrize(("name", "field"), FIELDS)
@pytest.mark.parametrize(("size", "feasible"), [(99, True), (100, False), (101, False), (0.5, True)])
def test_a_size_that_covers_the_context_is_infeasible(name: str, field: str, size: float, feasible: bool) -> None:
    reason = get_masker_config(name)(**{field: size}).infeasible_because(100)
    assert (reason is None) == feasible
    assert feasible or reason == f"{field} {size} covers the whole context of 100 tokens"


@pytest.mark.parametrize(
    ("size", "num_keys", "count"),
    [(4, 10, 4), (40, 10, 10), (0.5, 10, 5), (0.99, 10, 9), (1.0, 10, 10), (1e-9, 10, 1), (0.1, 1, 1), (3, 0, 0)],
)
def test_a_size_stands_for_a_number_of_keys(size: float, num_keys: int, count: int) -> None:
    assert resolve_size(size, num_keys) == count
