"""docs/writing-a-benchmark.md names all there is to declare and to use, and its commands lead where they say."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import blocks, checks, files, page, public

from sparse_hub_core import Benchmark, DataSource, HubDataset, Lengths, Question, Request, Subset
from sparse_hub_core.cli.new import _rendered
from sparse_hub_core.cli.new_package import NewPackage
from sparse_hub_core.testing import BENCHMARK_CHECKS

DOC = page("writing-a-benchmark.md")
RECORDS = (DataSource, HubDataset, Lengths, Question, Request, Subset)
NAMES = sorted({*public(Benchmark), *(field.name for record in RECORDS for field in dataclasses.fields(record))})

NAMES_OF_THE_TEMPLATE = {"Subset", "_SUBSETS", "dataset", "requests", "score", "lookup.jsonl", "README.md"}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_benchmark_declares_and_uses_is_named(name: str) -> None:
    assert re.search(rf"`(lengths\.)?{name}\b", DOC)


def test_every_check_is_listed_with_its_sentence() -> None:
    assert checks(DOC) == [(check.name, check.description) for check in BENCHMARK_CHECKS]


def test_the_files_are_those_that_new_writes() -> None:
    assert files(DOC) == NewPackage("benchmark", "magic_numbers").files.keys()


def test_what_is_to_be_changed_is_in_the_files_that_new_writes() -> None:
    changes = DOC.partition("What to change:\n")[2].partition("\nThe rest of this page")[0]
    named = set(re.findall(r"`([^`]+)`", changes)) - {"sample/<config>.jsonl"}
    assert named >= NAMES_OF_THE_TEMPLATE
    wanted = NewPackage("benchmark", "magic_numbers")
    written = "\n".join([*wanted.files, *_rendered(wanted).values()])
    assert [name for name in named if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", written)] == []
    own_tests = set(re.findall(r"def (test_\w+)", written)) - {"test_conformance"}
    assert own_tests <= named


def test_the_three_lines_give_a_test_per_check() -> None:
    (block,) = blocks(DOC, "python")
    scope: dict[str, Callable[..., None]] = {}
    exec(block.replace("magic_numbers", "ruler"), scope)
    (mark,) = scope["test_conformance"].pytestmark
    assert [parameter.id for parameter in mark.args[1]] == [check.name for check in BENCHMARK_CHECKS]


@pytest.mark.slow
def test_the_walk_leads_to_a_run_of_the_installed_wheel(walk: Callable[[str, str], str], tmp_path: Path) -> None:
    told = walk("writing-a-benchmark.md", "sparse_hub_magic_numbers")
    assert "magic_numbers/lookup" in told
    (found,) = tmp_path.glob("runs/run-*/demo/magic_numbers__lookup@sample/local_sink/validation.json")
    judged = json.loads(found.read_text())
    assert judged["dense"]["mean"] > 50 > judged["sparse"]["mean"]
    assert judged["num_requests"] == 7
    assert not judged["within_noise"]
