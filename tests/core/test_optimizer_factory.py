from __future__ import annotations

import random
from dataclasses import dataclass, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_core import ConfigError, MaskerConfig, UsageError, choice, create_optimizer, integer
from sparse_hub_core.optimizer_factory import class_prefix
from sparse_hub_maskers_builtin.local import LocalMaskerConfig
from sparse_hub_maskers_builtin.oracle_top_k import OracleTopKConfig
from sparse_hub_maskers_builtin.sink import SinkMaskerConfig

CLASSES = [SinkMaskerConfig, LocalMaskerConfig, OracleTopKConfig]
NAMES = dict(zip(CLASSES, ["sink", "local", "oracle_top_k"], strict=True))


@dataclass(frozen=True)
class TwoSizesConfig(MaskerConfig):
    size: int = 1
    size_2: int = 2

    def create_masker(self):
        raise NotImplementedError

    @staticmethod
    def get_search_space(task_name):
        return {"size": integer(1, 9), "size_2": choice([3, 4])}


@dataclass(frozen=True)
class TwoConfig(MaskerConfig):
    """Its field and the name of TwoSizesConfig make the same parameter name."""

    sizes_size: int = 5

    def create_masker(self):
        raise NotImplementedError

    @staticmethod
    def get_search_space(task_name):
        return {"sizes_size": integer(10, 20)}


stacks = st.lists(
    st.sampled_from(
        [*CLASSES, TwoSizesConfig, TwoConfig, LocalMaskerConfig(window_size=7), SinkMaskerConfig(sink_size=3)]
    ),
    max_size=6,
)


@given(stacks, st.integers(0, 1000))
def test_sampled_parameters_come_back_as_the_stacks_configs(stack, seed):
    optimizer = create_optimizer(stack, NAMES)
    space = optimizer.create_search_space("ruler/vt")
    rng = random.Random(seed)
    params = {name: domain.sample(rng) for name, domain in space.items()}
    configs = optimizer.create_config_from_params(params)

    assert len(space) == sum(len(entry.get_search_space("")) for entry in stack if isinstance(entry, type))
    back = {}
    for prefix, entry, config in zip(optimizer.prefixes, stack, configs, strict=True):
        if isinstance(entry, MaskerConfig):
            assert config is entry
        else:
            assert type(config) is entry
            back |= {f"{prefix}_{field.name}": getattr(config, field.name) for field in fields(config)}
    assert params.items() <= back.items()


@given(stacks)
def test_prefixes_are_distinct(stack):
    prefixes = create_optimizer(stack, NAMES).prefixes
    assert len(set(prefixes)) == len(prefixes)


def test_the_same_masker_twice_is_numbered():
    space = create_optimizer([LocalMaskerConfig, LocalMaskerConfig], NAMES).create_search_space("")
    assert list(space) == ["local_window_size", "local_2_window_size"]


def test_parameters_left_out_keep_their_defaults():
    configs = create_optimizer([SinkMaskerConfig, LocalMaskerConfig], NAMES).create_config_from_params(
        {"local_window_size": 64}
    )
    assert configs == [SinkMaskerConfig(), LocalMaskerConfig(window_size=64)]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"magic_pig_lsh_l": 3}, "'magic_pig_lsh_l' belongs to no searched masker of local"),
        ({"local_windowsize": 3}, "'local_windowsize' belongs to no searched masker"),
        ({"local_window_size": 0}, "LocalMaskerConfig.window_size = 0 is out of range"),
    ],
)
def test_wrong_parameters_are_named(params, message):
    with pytest.raises(ConfigError, match=message):
        create_optimizer([LocalMaskerConfig], NAMES).create_config_from_params(params)


def test_a_space_that_names_no_field_is_refused():
    class Wrong(TwoSizesConfig):
        @staticmethod
        def get_search_space(task_name):
            return {"sice": integer(1, 2)}

    with pytest.raises(UsageError, match="names 'sice', which is not one of its fields: size, size_2"):
        create_optimizer([Wrong]).create_search_space("")


@pytest.mark.parametrize("entry", [3, "sink", dict])
def test_what_is_no_masker_config_is_refused(entry):
    with pytest.raises(UsageError, match="neither a MaskerConfig class nor an instance"):
        create_optimizer([entry])


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("MyMaskerConfig", "my"),
        ("LSHSampling", "lsh_sampling"),
        ("Config", "config"),
        ("OracleTopKConfig", "oracle_top_k"),
    ],
)
def test_unregistered_classes_are_named_after_themselves(name, prefix):
    assert class_prefix(type(name, (), {})) == prefix
