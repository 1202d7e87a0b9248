from __future__ import annotations

import types

import pytest

from sparse_hub_core import hookimpl, plugins
from sparse_hub_core.errors import PluginError, UsageError
from sparse_hub_core.registry import Provenance


def module(**hooks):
    made = types.ModuleType("made")
    for name, hook in hooks.items():
        setattr(made, name, hookimpl(hook))
    return made


class EntryPoint:
    def __init__(self, content):
        self.content = content

    def load(self):
        if isinstance(self.content, BaseException):
            raise self.content
        return self.content


@pytest.fixture
def load(monkeypatch):
    """Loads the registry of plugins given as (distribution, module or error)."""

    def load_plugins(*given):
        points = [
            (EntryPoint(content), Provenance(f"plugin_{number}", distribution, "1.0"))
            for number, (distribution, content) in enumerate(given)
        ]
        monkeypatch.setattr(plugins, "_entry_points", lambda: points)
        return plugins.load_registry()

    return load_plugins


def offers(name, role="selector"):
    def register_maskers(register):
        register(name, "a.b:C", role=role, summary="one")

    return register_maskers


def fails_halfway(register):
    register("half", "a.b:C", role="selector", summary="one")
    raise ValueError("second masker\nwent wrong")


def test_a_plugin_that_fails_halfway_offers_nothing(load):
    registry = load(("one", module(register_maskers=fails_halfway)), ("two", module(register_maskers=offers("whole"))))
    assert list(registry.maskers.entries) == ["whole"]
    record = registry.plugins[0]
    assert (record.status, record.error) == ("error", "ValueError: second masker went wrong")
    with pytest.raises(PluginError, match=r"'half' comes from the plugin 'plugin_0' of one 1.0, which failed to load"):
        registry.get(registry.maskers, "half")


@pytest.mark.parametrize("error", [SystemExit(3), ImportError("x"), AssertionError(), SyntaxError("bad")])
def test_whatever_an_import_raises_is_contained(load, error):
    registry = load(("one", error), ("two", module(register_maskers=offers("whole"))))
    assert [record.status for record in registry.plugins] == ["error", "ok"]


def test_an_interruption_is_not_taken_for_a_plugins_fault(load):
    with pytest.raises(KeyboardInterrupt):
        load(("one", KeyboardInterrupt()))


@pytest.mark.parametrize("name", ["", "a:b", "a/b"])
def test_unusable_names_are_refused(load, name):
    registry = load(("one", module(register_maskers=offers(name))))
    assert "is not usable" in registry.plugins[0].error


def test_an_unknown_role_is_refused(load):
    registry = load(("one", module(register_maskers=offers("x", role="sinker"))))
    assert "it must be one of sink, local, selector" in registry.plugins[0].error


def test_one_plugin_that_registers_a_name_twice_is_told_so(load):
    def twice(register):
        offers("x")(register)
        offers("x")(register)

    registry = load(("one", module(register_maskers=twice)))
    assert "'x' is registered twice" in registry.plugins[0].error


def test_a_clash_is_no_failure_to_load(load):
    registry = load(*[(name, module(register_maskers=offers("x"))) for name in ("one", "two")])
    with pytest.raises(UsageError) as caught:
        registry.get(registry.maskers, "y")
    assert "failed to load" not in str(caught.value)


def test_the_builtins_come_through_entry_points():
    found = {provenance.plugin for _, provenance in plugins._entry_points()}
    assert {"maskers_builtin", "benchmarks_builtin", "search_builtin"} <= found


def test_plugins_are_loaded_in_a_fixed_order():
    order = [(provenance.distribution, provenance.plugin) for _, provenance in plugins._entry_points()]
    assert order == sorted(order)


def test_a_name_to_leave_out_that_nothing_has_is_warned_of(load, monkeypatch):
    monkeypatch.setenv("SPARSE_HUB_DISABLE_PLUGINS", "plugn_0, two")
    with pytest.warns(UserWarning, match="names 'plugn_0', which is no plugin: did you mean 'plugin_0'"):
        registry = load(("one", module()), ("two", module()))
    assert [record.status for record in registry.plugins] == ["ok", "disabled"]
