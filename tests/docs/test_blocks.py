"""What the README and the first pages show is run, in the one environment and where the first run was made."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import FIRST_RUN, ROOT, Block, all_blocks, blocks, call, lines, page

from docs_generator import command_line

WINNER = "using-the-winner.md"
PAGES = ("README.md", "start.md", "reading-a-report.md", "comparing-runs.md", WINNER, "reference/configuration.md")
WALKS = ("writing-a-masker.md", "writing-a-benchmark.md", "writing-a-search-algorithm.md")
"""Run by tests of their own, all blocks of each one after another."""

OF_PLUGINS = ("strided", "strided_only", "echo", "error_only", "bytes_too", "middle", "tiny")
"""What writing-plugins.md registers."""
ROWS = "data/LongBench"
"""Where the example of the configuration file has them."""
CELL = "demo/ruler__niah_multikey_2/sink_local_magic_pig"
"""Whose winner the pages use."""
GIVEN = """
import torch
from importlib.resources import files
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
folder = str(files("sparse_hub_benchmarks_builtin") / "demo_model")
model = AutoModelForCausalLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
inputs = tokenizer("The grass is green. " * 40, return_tensors="pt")
queries, keys, values = torch.randn(1, 4, 3, 16), torch.randn(1, 2, 200, 16), torch.randn(1, 2, 200, 16)
"""
"""What the Python of the pages takes for granted."""


def as_run(line: str, folder: Path) -> str | None:
    """Return a line with real names for its placeholders, None where it is not run again; long runs are planned."""
    if line.replace(".venv/bin/", "").endswith(FIRST_RUN):
        return None
    (run,) = (path.name for path in folder.glob("runs/run-*"))
    line = line.replace("runs/<run id>/.../best.json", f"runs/{run}/{CELL}/best.json").replace("<run id>", run)
    line = line.replace("longbench=DIR", f"longbench={ROWS}")
    if re.match(r"sparse-hub (run|search) ", line) and "--dry-run" not in line:
        return f"{line} --debug --dry-run"
    return f"{line} --validation-max-requests 2" if line.startswith("sparse-hub validate ") else line


def steps(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """Yield what a page shows, its settings first: the README shows them after a command that reads them."""
    (run,) = folder.glob("runs/run-*")
    place = {"page": name, "folder": str(run / CELL if name == WINNER else folder)}
    found = [block for block in all_blocks(page(name)) if not block.not_run]
    if any(block.language == "python" for block in found):
        yield place | {"language": "python", "shown": "", "source": GIVEN}
    for block in sorted(found, key=lambda block: block.language != "toml"):
        if block.language in ("python", "toml"):
            yield place | {"language": block.language, "shown": block.source, "source": block.source}
        elif block.language == "sh":
            for line in lines(block.source):
                if command := as_run(line, folder):
                    yield place | {"language": "sh", "shown": line, "source": command}


def of_plugins(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the steps that load what the packages of writing-plugins.md register."""
    for name in OF_PLUGINS:
        line = f"sparse-hub describe {name}"
        yield {"page": "writing-plugins.md", "folder": str(folder), "language": "sh", "shown": line, "source": line}


@pytest.mark.slow
def test_the_blocks_of_the_first_pages_run(first_run: Path, environment: dict[str, str]) -> None:
    (shown,) = [block for block in blocks(page("start.md")) if block.startswith("preset")]
    assert shown.splitlines()[0].split() in [line.split() for line in (first_run / "printed").read_text().splitlines()]
    shutil.copytree(ROOT / "sparse_hub_benchmarks_builtin/longbench/sample", first_run / ROWS)
    (run,) = first_run.glob("runs/run-*")
    shutil.copy(run / CELL / "best.json", first_run)
    made = [*of_plugins(first_run), *(step for name in PAGES for step in steps(name, first_run))]
    call(("python", str(ROOT / "tests/docs/run_steps.py")), first_run, environment, json.dumps(made))
    diaries = [path.read_text() for path in run.glob("diary-*.txt")]
    assert any("ruler/niah_multikey_2 local_sink: F0 ok" in diary for diary in diaries)


def not_run() -> Iterator[tuple[str, Block]]:
    for name in ("README.md", *sorted(path.name for path in (ROOT / "docs").glob("*.md"))):
        yield from ((name, block) for block in all_blocks(page(name)) if block.not_run)


def test_what_is_not_run_is_known_by_its_page_and_reason() -> None:
    assert {name for name, _ in not_run()} <= {*PAGES, *WALKS}
    assert all(len(block.not_run.split()) > 2 for _, block in not_run())


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_seen_and_says_its_language(name: str) -> None:
    """Otherwise it would be neither run nor marked."""
    found = all_blocks(page(name))
    assert {block.language for block in found} <= {"sh", "python", "toml", "", "text"}
    assert len(re.findall("^```", page(name), re.MULTILINE)) == 2 * len(found)
    assert page(name).count("<!-- not run") == sum(bool(block.not_run) for block in found)


def shown_commands() -> list[str]:
    sources = [block.source for _, block in not_run() if block.language == "sh"]
    return [line for source in sources for line in lines(source) if line.startswith("sparse-hub ")]


@pytest.mark.parametrize("line", shown_commands())
def test_commands_that_are_not_run_have_options_that_exist(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    command_line.command(name).make_context(name, arguments)
