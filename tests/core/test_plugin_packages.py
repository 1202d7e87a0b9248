"""Real packages with a real fault each: everything else works, and the fault is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

FAULTS = {
    "sparse-hub-raises": "RuntimeError: the lookup table of this plugin is damaged",
    "sparse-hub-lacks-dependency": "No module named 'a_module_that_nobody_has'",
    "sparse-hub-unknown-hook": "unknown hook 'register_flavours'",
    "sparse-hub-misspelt-argument": "Argument(s) {'registrar'}",
}
BUILTIN_PRESETS = {"dense", "local_sink", "sink_local_oracle_top_k"}


def records(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def plugin(result, distribution):
    return next(record for record in records(result) if record["distribution"] == distribution)


@pytest.mark.parametrize("package", FAULTS)
def test_a_broken_plugin_is_reported_and_breaks_nothing_else(package, install, sparse_hub):
    path = install(package)
    assert {
        record["name"] for record in records(sparse_hub("list-presets", "--json", PYTHONPATH=path))
    } >= BUILTIN_PRESETS

    listed = sparse_hub("plugins", "--json", PYTHONPATH=path)
    record = plugin(listed, package)
    assert (record["status"], record["version"]) == ("error", "0.1.0")
    assert FAULTS[package] in record["error"]
    assert "\n" not in record["error"]
    assert plugin(listed, "sparse-hub")["status"] == "ok"


@pytest.mark.parametrize("package", FAULTS)
def test_asking_for_a_broken_plugins_masker_tells_its_error(package, install, sparse_hub):
    asked = sparse_hub("describe", "the_masker_it_would_offer", PYTHONPATH=install(package))
    assert asked.returncode == 2
    assert FAULTS[package] in asked.stderr
    assert package in asked.stderr
    assert "Traceback" not in asked.stderr


def test_all_broken_plugins_together_leave_a_good_one_working(install, sparse_hub):
    path = install(*FAULTS, "sparse-hub-strided")
    names = {record["name"] for record in records(sparse_hub("list-maskers", "--json", PYTHONPATH=path))}
    assert {"sink", "local", "oracle_top_k", "strided"} <= names


def test_a_name_that_a_builtin_has_stays_the_builtins(install, sparse_hub):
    path = install("sparse-hub-takes-builtin")
    owners = {r["name"]: r["distribution"] for r in records(sparse_hub("list-maskers", "--json", PYTHONPATH=path))}
    assert owners["oracle_top_k"] == "sparse-hub"
    assert owners["sparse-hub-takes-builtin:oracle_top_k"] == "sparse-hub-takes-builtin"
    assert owners["other_top_k"] == "sparse-hub-takes-builtin"

    record = plugin(sparse_hub("plugins", "--json", PYTHONPATH=path), "sparse-hub-takes-builtin")
    assert record["status"] == "error"
    assert "'oracle_top_k' is claimed by sparse-hub too" in record["error"]

    theirs = sparse_hub("describe", "sparse-hub-takes-builtin:oracle_top_k", PYTHONPATH=path)
    assert "Not the built-in one." in theirs.stdout
    assert "Not the built-in one." not in sparse_hub("describe", "oracle_top_k", PYTHONPATH=path).stdout


def test_neither_of_two_claimants_is_picked(install, sparse_hub):
    path = install("sparse-hub-twin-a", "sparse-hub-twin-b")
    asked = sparse_hub("describe", "twin", PYTHONPATH=path)
    assert asked.returncode == 2
    assert "'sparse-hub-twin-a:twin' or 'sparse-hub-twin-b:twin'" in asked.stderr
    assert "package b" in sparse_hub("describe", "sparse-hub-twin-b:twin", PYTHONPATH=path).stdout

    presets = {r["name"]: r for r in records(sparse_hub("list-presets", "--json", PYTHONPATH=path))}
    assert "sink_local_twin" not in presets
    assert presets["sparse-hub-twin-a:sink_local_twin"]["maskers"] == ["sink", "local", "sparse-hub-twin-a:twin"]
    for name in ("sparse-hub-twin-a", "sparse-hub-twin-b"):
        assert plugin(sparse_hub("plugins", "--json", PYTHONPATH=path), name)["status"] == "error"


def test_a_selector_brings_its_preset_and_its_search_space(install, sparse_hub):
    path = install("sparse-hub-strided")
    presets = {r["name"]: r for r in records(sparse_hub("list-presets", "--json", PYTHONPATH=path))}
    assert presets["sink_local_strided"]["maskers"] == ["sink", "local", "strided"]
    described = sparse_hub("describe", "sink_local_strided", PYTHONPATH=path).stdout
    assert "strided_stride" in described
    assert "one of 2, 4, 8, 16" in described


def test_a_benchmark_package_is_listed_by_task(install, sparse_hub):
    tasks = {
        r["task"]: r for r in records(sparse_hub("list-benchmarks", "--json", PYTHONPATH=install("sparse-hub-echo")))
    }
    assert tasks["echo/repeat"]["metric"] == "contains"
    assert tasks["echo/repeat"]["higher_is_better"] is True


STRIDED = """
import torch
from sparse_hub_core import SparseAttention, get_masker_config
torch.manual_seed(0)
queries, keys, values = torch.randn(2, 4, 1, 8), torch.randn(2, 2, 33, 8), torch.randn(2, 2, 33, 8)
result = SparseAttention([get_masker_config("strided")(stride=4)])(queries, keys, values)
assert result.mask.to_dense().nonzero()[:, 3].unique().tolist() == list(range(0, 33, 4))
every = SparseAttention([get_masker_config("strided")(stride=1)])(queries, keys, values)
dense = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, enable_gqa=True)
torch.testing.assert_close(every.output, dense)
"""
ECHO = """
from itertools import islice
from sparse_hub_core import Lengths, get_benchmark
echo, lengths = get_benchmark("echo"), Lengths(400, lambda text: len(text.split()))
few, many = ([*islice(echo.requests("repeat", lengths, 7), count)] for count in (3, 9))
assert many[:3] == few and len({request.id for request in many}) == 9
for request in many:
    (question,) = request.questions
    assert question.references[0] in request.context
    assert 300 < lengths.count_tokens(request.context + question.text + question.answer_prefix) <= 388
    assert echo.score(f" is {question.references[0]}.", question) == 100.0
    assert echo.score("", question) == 0.0
"""


@pytest.mark.parametrize(("package", "script"), [("sparse-hub-strided", STRIDED), ("sparse-hub-echo", ECHO)])
def test_what_a_package_brings_works_from_python(package, script, install):
    environment = os.environ | {"PYTHONPATH": install(package)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


@pytest.mark.parametrize("disabled", ["strided", "sparse-hub-strided", "other, strided"])
def test_a_plugin_can_be_disabled(disabled, install, sparse_hub):
    environment = {"PYTHONPATH": install("sparse-hub-strided"), "SPARSE_HUB_DISABLE_PLUGINS": disabled}
    record = plugin(sparse_hub("plugins", "--json", **environment), "sparse-hub-strided")
    assert (record["status"], record["error"]) == ("disabled", None)
    asked = sparse_hub("describe", "strided", **environment)
    assert asked.returncode == 2
    assert "SPARSE_HUB_DISABLE_PLUGINS leaves out 'strided'" in asked.stderr


def test_a_variable_raises_what_a_plugin_raises(install, sparse_hub):
    path = install("sparse-hub-raises")
    result = sparse_hub("plugins", "--verbose", PYTHONPATH=path, SPARSE_HUB_RAISE_PLUGIN_ERRORS="1")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "sparse_hub_raises/__init__.py" in result.stderr
