from __future__ import annotations

import pytest

from sparse_hub_core import SparseHubError, fixed
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.presets import derived_presets, preset_stack
from sparse_hub_core.registry import MaskerEntry, PresetEntry, Provenance, Table
from sparse_hub_maskers_builtin.local import LocalMaskerConfig
from sparse_hub_maskers_builtin.oracle_top_k import OracleTopKConfig
from sparse_hub_maskers_builtin.sink import SinkMaskerConfig

HERE = Provenance("p", "here", "1")
BUILTIN = Provenance("maskers_builtin", "sparse-hub", "1")


def maskers(**roles):
    table = Table("masker")
    for name, role in roles.items():
        table.add(MaskerEntry(name, "a:B", name, BUILTIN, role))
    return table


def derived(**roles):
    return {preset.name: preset.maskers for preset in derived_presets(maskers(**roles))}


def test_every_selector_gives_a_preset_and_nothing_else_does():
    found = derived(sink="sink", local="local", x="selector", y="selector", r="restrict", p="prefill", o="other")
    assert found == {
        "dense": (),
        "local_sink": ("local", "sink"),
        "sink_local_x": ("sink", "local", "x"),
        "sink_local_y": ("sink", "local", "y"),
    }


def test_a_sample_completes_every_top_k_selector_and_no_other():
    table = maskers(sink="sink", local="local", adaptive_sampling="selector", sampler="selector")
    table.add(MaskerEntry("heavy", "a:B", "heavy keys", HERE, "selector", top_k=True))
    found = {preset.name: preset for preset in derived_presets(table) if preset.name.startswith("vattention_")}
    assert {name: preset.maskers for name, preset in found.items()} == {
        "vattention_heavy": ("sink", "local", "heavy", "adaptive_sampling")
    }
    assert found["vattention_heavy"].provenance == HERE


@pytest.mark.parametrize(
    ("name", "stack"),
    [
        ("streaming_llm", ("sink", "local")),
        ("vattention_oracle_top_k", ("sink", "local", "oracle_top_k", "adaptive_sampling")),
        ("vattention_quest", ("sink", "local", "quest", "adaptive_sampling")),
        ("twilight_quest", ("sink", "local", "quest", "twilight")),
        ("quest_first_layers_dense", ("dense_layers", "quest")),
        ("sink_local_adaptive_sampling", ("sink", "local", "adaptive_sampling")),
    ],
)
def test_the_built_in_presets(name, stack):
    registry = load_registry()
    entry = registry.get(registry.presets, name)
    assert entry.maskers == stack
    assert len(preset_stack(registry, entry)) == len(stack)


def test_another_sink_does_not_change_what_the_presets_mean():
    table = maskers(sink="sink", local="local")
    for name, role in {"a_sink": "sink", "a_window": "local", "x": "selector"}.items():
        table.add(MaskerEntry(name, "a:B", name, HERE, role))
    found = {preset.name: preset for preset in derived_presets(table)}
    assert found["local_sink"].maskers == ("local", "sink")
    assert found["sink_local_x"].maskers == ("sink", "local", "x")
    assert found["dense"].provenance == BUILTIN


@pytest.mark.parametrize("roles", [{}, {"sink": "sink", "x": "selector"}, {"local": "local", "x": "selector"}])
def test_without_sink_or_local_nothing_is_derived(roles):
    assert derived(**roles) == {}


def test_a_stack_is_made_of_classes_and_fixed_instances():
    entries = ("sink", fixed("local", window_size=32), OracleTopKConfig, SinkMaskerConfig(sink_size=4))
    preset = PresetEntry("mine", entries, "a hand-made stack", HERE)
    assert preset_stack(load_registry(), preset) == [
        SinkMaskerConfig,
        LocalMaskerConfig(window_size=32),
        OracleTopKConfig,
        SinkMaskerConfig(sink_size=4),
    ]
    assert preset.maskers == ("sink", "local", "OracleTopKConfig", "SinkMaskerConfig")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("snik", "did you mean 'sink'"),
        (fixed("local", window_size=0), "LocalMaskerConfig.window_size = 0 is out of range"),
        (fixed("local", window=3), "LocalMaskerConfig has no field 'window': did you mean 'window_size'"),
    ],
)
def test_a_stack_that_cannot_be_made_says_why(entry, message):
    with pytest.raises(SparseHubError, match=message):
        preset_stack(load_registry(), PresetEntry("mine", (entry,), "a hand-made stack", HERE))
