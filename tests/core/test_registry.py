from __future__ import annotations

import pytest

from sparse_hub_core.cli.main import COMMANDS
from sparse_hub_core.errors import PluginError, UsageError, did_you_mean
from sparse_hub_core.lookup import get_benchmark, get_masker_config, get_task, masker_name
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Entry, Provenance, Registry, Table

BUILTIN = Provenance("builtin", "sparse-hub", "1")
ALPHA, BETA = Provenance("a", "alpha", "1"), Provenance("b", "beta", "1")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.mark.parametrize(
    ("table", "typo", "meant"),
    [
        ("maskers", "oracle_topk", "oracle_top_k"),
        ("presets", "local_snik", "local_sink"),
        ("benchmarks", "rulr", "ruler"),
        ("search_algorithms", "nevergard", "nevergrad"),
        ("objectives", "sparsity_50", "sparsity_5"),
        ("models", "demmo", "demo"),
    ],
)
def test_a_typo_is_told_what_was_meant(registry, table, typo, meant):
    found = getattr(registry, table)
    with pytest.raises(UsageError, match=rf"Unknown {found.kind} '{typo}': did you mean .*'{meant}'"):
        registry.get(found, typo)


def test_typos_of_subset_and_model_are_told_too(registry):
    with pytest.raises(UsageError, match=r"'ruler' has no subset 'niah_multikey2': did you mean .*'niah_multikey_2'"):
        get_task(registry, "ruler/niah_multikey2")
    with pytest.raises(UsageError, match="'ruler' needs a subset"):
        get_task(registry, "ruler")
    with pytest.raises(UsageError, match="did you mean 'demo'"):
        resolve_model(registry, "dmo")


def test_names_lead_to_classes_and_back(registry):
    for name in ("sink", "local", "oracle_top_k"):
        assert masker_name(registry, get_masker_config(name, registry)) == name
    assert get_benchmark("ruler", registry).requests


def table_of(*origins: Provenance) -> Table[Entry]:
    table: Table[Entry] = Table("thing")
    for origin in origins:
        table.add(Entry("x", f"{origin.distribution}:X", "a thing", origin))
    return table


@pytest.mark.parametrize(
    ("origins", "names"),
    [
        ((ALPHA,), ["x"]),
        ((ALPHA, BETA), ["alpha:x", "beta:x"]),
        ((BUILTIN, ALPHA), ["x", "alpha:x"]),
        ((ALPHA, BUILTIN, BETA), ["x", "alpha:x", "beta:x"]),
    ],
)
def test_claimants_are_told_apart_and_the_builtin_keeps_its_name(origins, names):
    table = table_of(*origins)
    assert [entry.name for entry in table] == names
    for name in names:
        assert Registry().get(table, name)


def test_an_ambiguous_name_is_refused():
    with pytest.raises(PluginError, match="ask for 'alpha:x' or 'beta:x'"):
        Registry().get(table_of(ALPHA, BETA), "x")


@pytest.mark.parametrize("ref", ["no_such_module_here:X", "sparse_hub_core.errors:NoSuchName"])
def test_a_reference_that_leads_nowhere_names_its_distribution(ref):
    with pytest.raises(PluginError, match="'x' of alpha 1 cannot be loaded from"):
        Entry("x", ref, "a thing", ALPHA).load()


def test_a_reference_may_be_the_object_itself():
    assert Entry("x", dict, "a thing", ALPHA).load() is dict


def test_a_long_list_of_names_says_where_the_rest_is():
    names = [f"n{number}" for number in range(10)]
    assert did_you_mean("zzz", names) == "known are: n0, n1, n2, n3, n4, n5, n6, n7 and 2 more."
    assert did_you_mean("zzz", names, "sparse-hub list-maskers").endswith(
        "n7 and 2 more; sparse-hub list-maskers shows them all."
    )
    assert did_you_mean("zzz", names[:2], "sparse-hub list-maskers") == "known are: n0, n1."


def test_the_list_of_each_kind_is_a_command():
    assert {table.listing.removeprefix("sparse-hub ") for table in Registry().tables()} <= set(COMMANDS)
