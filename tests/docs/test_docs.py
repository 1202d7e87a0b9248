"""What the docs show works: their code runs, and every hook and command they should name is named."""

from __future__ import annotations

import inspect
import itertools
import json
import re
import runpy
from pathlib import Path

import pytest
import torch

from sparse_hub_core import Lengths, SparseAttention, UsageError, choice, hookspecs, registry
from sparse_hub_core.cli.main import COMMANDS
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.spec import Spec, build_spec

ROOT = Path(__file__).parent.parent.parent
PLUGINS, README = (ROOT / "docs/writing-plugins.md").read_text(), (ROOT / "README.md").read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


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


COUNTS = {"words": lambda text: len(text.split()), "letters": len, "pairs": lambda text: (len(text) + 1) // 2}


@pytest.mark.parametrize("tokens", COUNTS)
def test_the_benchmark_fills_the_length_and_scores(run, tokens):
    benchmark, count_tokens = run("class Echo")["Echo"](), COUNTS[tokens]
    requests = list(itertools.islice(benchmark.requests("repeat", Lengths(999, count_tokens), 0), 5))
    assert len({request.id for request in requests}) == len({request.context for request in requests}) == 5
    question = requests[0].questions[0]
    taken = count_tokens(requests[0].context + question.text + question.answer_prefix) + question.max_new_tokens
    assert 900 < taken <= 999
    assert next(benchmark.requests("repeat", Lengths(999, count_tokens), 1)) != requests[0]
    assert benchmark.score(f" {question.references[0]}.", question) == 100.0
    assert benchmark.score("", question) == 0.0


@pytest.mark.parametrize(("subset", "length"), [("repaet", 999), ("repeat", 12)])
def test_the_benchmark_refuses_before_the_first_request(run, subset, length):
    with pytest.raises(UsageError, match=r"it has 'repeat'|at least \d+ tokens"):
        run("class Echo")["Echo"]().requests(subset, Lengths(length, len), 0)


def test_the_search_algorithm_and_the_objective(run):
    scope = run("class Middle")
    assert scope["error_only"](0.25, 0.9) == 0.25
    assert scope["Middle"]({"a": choice([1, 2, 3])}, 1, 1, 0).ask() == {"a": 2}


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("register_")])
def test_every_hook_is_documented_with_its_argument(hook):
    signature = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"`{hook}({signature})`" in PLUGINS


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("register_")])
def test_every_argument_of_a_callback_is_documented_with_its_default(hook):
    (row,) = re.findall(rf"^\| `{hook}\(register\)` \| (.*) \|$", PLUGINS, re.MULTILINE)
    protocol = getattr(registry, "".join(word.capitalize() for word in hook.removesuffix("s").split("_")))
    for parameter in inspect.signature(protocol.__call__).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = "" if parameter.default is parameter.empty else json.dumps(parameter.default)
            told = {"null": "None", "true": "True", "false": "False", "[0.0, 100.0]": "(0, 100)"}.get(default, default)
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
    rows = re.findall(r"^\| (\w+) \|[^|]*\|[^|]*\| ([^|]+) \|", text, re.MULTILINE)
    told = {name: bits for name, bits in rows if name != "masker"}
    assert told.keys() == {entry.name for entry in load_registry().maskers}
    for entry in load_registry().maskers:
        config = entry.load()()
        declared = f"{config.index_bits_per_key(128):g}"
        expected = "all of K" if config.scores_every_key else "-" if declared == "0" else declared
        assert told[entry.name].partition(",")[0] == expected
