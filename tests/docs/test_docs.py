"""What the docs show works: their code runs, and every hook and command they should name is named."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import runpy

import pytest
import torch
from pages import ROOT, blocks
from pluggy import PluginManager

from sparse_hub_core import SparseAttention, Subset, callbacks, choice, hookspecs
from sparse_hub_core.cli.main import COMMANDS
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.spec import Spec, build_spec
from sparse_hub_core.testing import BenchmarkSubject, run_checks

PLUGINS, README = (ROOT / "docs/writing-plugins.md").read_text(), (ROOT / "README.md").read_text()


@pytest.fixture
def run(tmp_path):
    """Runs the one Python block that defines something, as the file it is meant to be."""

    def run_block(marker):
        (source,) = [block for block in blocks(PLUGINS, "python") if marker in block]
        path = tmp_path / "from_the_docs.py"
        path.write_text(source)
        return runpy.run_path(str(path))

    return run_block


def test_the_masker_reads_every_stride_th_key(run):
    config = run("class StridedConfig")["StridedConfig"](stride=4)
    keys = torch.randn(1, 2, 18, 8, generator=torch.Generator().manual_seed(0))
    mask = SparseAttention([config])(keys.repeat(1, 2, 1, 1)[:, :, -1:], keys, keys).mask
    assert mask.to_dense()[0, 0, 0].nonzero().flatten().tolist() == [0, 4, 8, 12, 16]
    assert config.infeasible_because(3)


def test_the_benchmark_passes_the_kit(tmp_path, monkeypatch):
    (source,) = [block for block in blocks(PLUGINS, "python") if "class Echo" in block]
    (tmp_path / "echo_from_the_docs.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    echo = importlib.import_module("echo_from_the_docs").Echo
    subset = Subset("repeat", "contains", licence="Apache-2.0", generated=True)
    outcomes = list(run_checks(BenchmarkSubject.of(echo, (subset,), "a number to be repeated", "1")))
    assert [outcome for outcome in outcomes if outcome.result == "failed"] == []
    assert {"fills_the_length", "too_short_a_length_raises"} <= {o.check.name for o in outcomes if o.result == "ok"}


def test_the_search_algorithm_and_the_objective(run):
    scope = run("class Middle")
    assert scope["error_only"](0.25, 0.9) == 0.25
    assert scope["Middle"]({"a": choice([1, 2, 3])}, 1, 1, 0).ask() == {"a": 2}


def hooks():
    manager = PluginManager("sparse_hub")
    manager.add_hookspecs(hookspecs)
    return [name for name in vars(manager.hook) if not name.startswith("_")]


def test_there_are_hooks_to_register_and_to_hear():
    assert {"register_maskers", "trial_finished"} <= set(hooks())


@pytest.mark.parametrize("hook", hooks())
def test_every_hook_is_documented_with_its_arguments(hook):
    signature = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"`{hook}({signature})`" in PLUGINS


@pytest.mark.parametrize("hook", [name for name in hooks() if name.startswith("register_")])
def test_every_argument_of_a_callback_is_documented_with_its_default(hook):
    (row,) = re.findall(rf"^\| `{hook}\(register\)` \| (.*) \|$", PLUGINS, re.MULTILINE)
    protocol = getattr(callbacks, "".join(word.capitalize() for word in hook.removesuffix("s").split("_")))
    for parameter in inspect.signature(protocol.__call__).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = "" if parameter.default is parameter.empty else json.dumps(parameter.default)
            python = {"null": "None", "true": "True", "false": "False", "[0.0, 100.0]": "(0, 100)", "[]": "()"}
            told = python.get(default, default)
            assert f"{parameter.name}={told}" in row


@pytest.mark.parametrize("block", range(len(blocks(PLUGINS, "python"))))
def test_every_python_block_of_the_plugin_docs_compiles(block):
    compile(blocks(PLUGINS, "python")[block], "writing-plugins.md", "exec")


def test_the_readmes_toml_is_a_spec(tmp_path):
    (toml,) = blocks(README, "toml")
    path = tmp_path / "sparse-hub.toml"
    path.write_text(toml)
    assert isinstance(build_spec({}, path), Spec)


def test_the_readme_uses_commands_that_exist():
    used = set(re.findall(r"sparse-hub ([a-z][a-z-]+)", "\n".join(blocks(README, "sh"))))
    assert used
    assert used <= COMMANDS.keys()


def test_every_masker_here_has_its_row_with_the_bits_it_declares():
    text = (ROOT / "docs/maskers.md").read_text().partition("\n## ")[0]
    rows = re.findall(r"^\| \[(\w+)\]\(reference/maskers.md#\1\) \|[^|]*\|[^|]*\| ([^|]+) \|", text, re.MULTILINE)
    told = dict(rows)
    assert told.keys() == {entry.name for entry in load_registry().maskers}
    for entry in load_registry().maskers:
        config = entry.load()()
        declared = f"{config.index_bits_per_key(128):g}"
        expected = "all of K" if config.scores_every_key else "-" if declared == "0" else declared
        assert told[entry.name].partition(",")[0] == expected
