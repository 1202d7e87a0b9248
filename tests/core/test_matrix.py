"""What identifies a cell's results."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparse_hub_core import Masker, MaskerConfig, build_spec
from sparse_hub_core.build_matrix import RunConfigurations, build_matrix
from sparse_hub_core.plugins import load_registry

TASK = "ruler/niah_single_1"


@dataclass(frozen=True)
class WeightedConfig(MaskerConfig):
    weights: str = ""
    size: int = 3

    def create_masker(self) -> Masker:
        raise AssertionError("no masker is made to identify results")

    def identity(self) -> dict[str, Any]:
        digest = hashlib.sha256(Path(self.weights).read_bytes()).hexdigest()
        return {"weights": digest, "size": self.size}


def identity(stack: list[Any]) -> dict[str, Any]:
    spec = build_spec({"models": ("demo",), "benchmarks": (TASK,), "presets": ("mine",)})
    configurations = RunConfigurations(models=[], benchmarks=[], masker_config_presets={"mine": stack})
    return build_matrix(spec, load_registry(), configurations).identity("a model", TASK, "mine")


@pytest.mark.parametrize("searched", [False, True])
def test_the_content_of_a_file_counts_and_its_path_does_not(tmp_path: Path, searched: bool) -> None:
    def of(name: str, content: bytes) -> dict[str, Any]:
        path = tmp_path / name
        path.write_bytes(content)

        @dataclass(frozen=True)
        class MineConfig(WeightedConfig):
            weights: str = str(path)

        return identity([MineConfig if searched else MineConfig()])

    assert of("a", b"one") == of("b", b"one")
    assert of("a", b"one") != of("a", b"two")


def test_defaults_outside_the_search_space_count(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"")

    @dataclass(frozen=True)
    class Small(WeightedConfig):
        weights: str = str(tmp_path / "w")

    @dataclass(frozen=True)
    class Large(Small):
        size: int = 9

    assert identity([Small]) != identity([Large])
