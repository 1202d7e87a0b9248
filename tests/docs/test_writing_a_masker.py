"""docs/writing-a-masker.md names all there is to declare and to use, and its commands lead where they say."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import blocks, checks, files, page, public

import sparse_hub_core
from sparse_hub_core import Layer, Mask, Masker, MaskerConfig
from sparse_hub_core.cli.new_package import NewPackage
from sparse_hub_core.testing import CHECKS

DOC = page("writing-a-masker.md")
FIELDS_OF_SLICES = {"prefix", "window", "blocks", "indices", "probabilities", "allowed"}
HELPERS = {
    name
    for name, home in sparse_hub_core._HOME.items()
    if home in ("attention.gather", "attention.growing", "attention.sampling", "attention.layer")
} | {"resolve_size", "Size"}
NAMES = sorted(
    {*public(MaskerConfig), *public(Masker), *(field.name for field in dataclasses.fields(Layer)), *HELPERS}
    | (set(public(Mask)) - FIELDS_OF_SLICES)
)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_masker_declares_and_uses_is_named(name: str) -> None:
    assert re.search(rf"`{name}\b", DOC)


def test_every_check_is_listed_with_its_sentence() -> None:
    assert checks(DOC) == [(check.name, check.description) for check in CHECKS]


def test_the_files_are_those_that_new_writes() -> None:
    assert files(DOC) == NewPackage("masker", "smallest_keys").files.keys()


def test_the_three_lines_give_a_test_per_check() -> None:
    (block,) = blocks(DOC, "python")
    scope: dict[str, Callable[..., None]] = {}
    exec(block.replace("smallest_keys", "local"), scope)
    (mark,) = scope["test_conformance"].pytestmark
    assert [parameter.id for parameter in mark.args[1]] == [check.name for check in CHECKS]


@pytest.mark.slow
def test_the_walk_leads_to_a_run_of_the_installed_wheel(walk: Callable[[str, str], str], tmp_path: Path) -> None:
    told = walk("writing-a-masker.md", "sparse_hub_smallest_keys")
    assert "sink_local_smallest_keys" in told
    assert "sink, local, smallest_keys" in told
    assert list(tmp_path.glob("runs/run-*/demo/ruler__niah_multikey_2/sink_local_smallest_keys/validation.json"))
