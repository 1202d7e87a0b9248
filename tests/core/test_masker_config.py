from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Le

from sparse_hub_core import ConfigError, MaskerConfig, Size, resolve_size


@dataclass(frozen=True)
class Inner:
    width: int = 1


@dataclass(frozen=True)
class ManyConfig(MaskerConfig):
    size: Size = 0.5
    bits: Annotated[int, Ge(1), Le(30)] = 8
    kind: Literal["l2", "cosine"] = "l2"
    layers: tuple[int, ...] = (0, 1)
    inner: Inner = Inner()
    path: str | None = None
    center: bool = True

    def create_masker(self):
        raise NotImplementedError


CONFIGS = [
    ManyConfig(),
    ManyConfig(size=3, layers=(), kind="cosine", inner=Inner(4), path="/x", center=False),
    ManyConfig(size=1.0, bits=30),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_comes_back_from_json_and_deepcopy(config):
    parameters = json.loads(json.dumps(config.parameters()))
    assert ManyConfig.from_parameters(parameters) == config
    assert copy.deepcopy(config) == config
    assert type(ManyConfig.from_parameters(parameters).size) is type(config.size)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 0),
        ("size", 1.5),
        ("size", float("nan")),
        ("size", "4"),
        ("bits", 31),
        ("bits", 2.0),
        ("bits", True),
        ("kind", "l3"),
        ("layers", [0, "1"]),
        ("layers", {"a": 1}),
        ("inner", {"width": "3"}),
        ("center", 1),
        ("path", 3),
    ],
)
def test_a_wrong_value_is_named_with_its_field(field, value):
    with pytest.raises(ConfigError, match=f"ManyConfig.{field} = .* is out of range"):
        ManyConfig.from_parameters({field: value})


@pytest.mark.parametrize(
    ("size", "keys", "expected"), [(4, 10, 4), (40, 10, 10), (0.5, 10, 5), (0.001, 10, 1), (1.0, 7, 7)]
)
def test_a_size_is_a_count_or_a_share(size, keys, expected):
    assert resolve_size(size, keys) == expected
