"""docs/writing-a-search-algorithm.md names all there is to declare, and its code and commands do as they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import importlib_metadata
import pytest
from pages import blocks, call, checks, page, public, write_files

from sparse_hub_core import SearchAlgorithm
from sparse_hub_core.testing import SEARCH_ALGORITHM_CHECKS

DOC = page("writing-a-search-algorithm.md")
MODULE, REGISTERING, TEST = blocks(DOC, "python")
(PROJECT,) = blocks(DOC, "toml")
(COMMANDS,) = blocks(DOC, "sh")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's package, installed as far as an entry point goes."""
    write_files(tmp_path, MODULE, REGISTERING)
    metadata = tmp_path / "sparse_hub_mine-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sparse-hub-mine\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[sparse_hub]\nmine = sparse_hub_mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib_metadata.MetadataPathFinder.invalidate_caches()
    yield
    importlib_metadata.MetadataPathFinder.invalidate_caches()


@pytest.mark.parametrize("name", sorted({*public(SearchAlgorithm), "space", "num_samples", "num_workers", "seed"}))
def test_what_an_algorithm_declares_and_uses_is_named(name: str) -> None:
    assert re.search(rf"`{name}\b", DOC)


def test_every_check_of_algorithms_is_listed_with_its_sentence() -> None:
    assert checks(DOC) == [(check.name, check.description) for check in SEARCH_ALGORITHM_CHECKS]


@pytest.mark.slow
def test_the_commands_of_the_page_work_on_its_package(environment: dict[str, str], tmp_path: Path) -> None:
    write_files(tmp_path, MODULE, REGISTERING, PROJECT)
    printed = call(("bash", "-euxo", "pipefail", "-c", COMMANDS), tmp_path, environment)
    assert "proposals_lie_in_the_space" in printed
    assert "daring  float > 0, <= 1  0.1" in printed
    call(("python", "-m", "pip", "uninstall", "--yes", "sparse-hub-mine"), tmp_path, environment)


@pytest.mark.usefixtures("package")
def test_the_three_lines_give_a_test_per_check_of_the_algorithm() -> None:
    scope: dict[str, Callable[..., None]] = {}
    exec(TEST, scope)
    (mark,) = scope["test_conformance"].pytestmark
    assert [parameter.id for parameter in mark.args[1]] == [check.name for check in SEARCH_ALGORITHM_CHECKS]
