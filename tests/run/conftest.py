from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SMALL = (
    *("run", "--debug", "--num-samples", "4", "--max-concurrent", "2"),
    *("--search-max-requests", "3", "--search-max-new-tokens", "4", "--search-max-context-length", "512"),
    *("--validation-max-requests", "6", "--validation-max-new-tokens", "4", "--validation-max-context-length", "768"),
)
"""A run of all stages that takes seconds of work."""
PUBLISHED = "sink_local_magic_pig"
"""The preset of the card that tests look at."""


@dataclass(frozen=True)
class Finished:
    """A run that ended, and where its files are."""

    process: subprocess.CompletedProcess[str]
    folder: Path

    @property
    def run(self) -> Path:
        return next(path for path in (self.folder / "runs").iterdir() if not path.name.startswith("."))

    def cell(self, preset: str) -> Path:
        return next(self.run.glob(f"*/*/{preset}"))

    def lines(self, preset: str, name: str) -> list[dict]:
        return [json.loads(line) for line in (self.cell(preset) / name).read_text().splitlines()]

    def json(self, preset: str, name: str) -> dict:
        return json.loads((self.cell(preset) / name).read_text())


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sparse_hub_core.cli.main", *arguments]


def finish(folder: Path, *arguments: str, **environment: str) -> Finished:
    process = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=os.environ | traces(folder) | environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    return Finished(process, folder)


def traces(folder: Path) -> dict[str, str]:
    """Keep the traces of each test apart: what one search measured, another would look up."""
    return {"SPARSE_HUB_TRACE_DIR": str(folder / "traces")}


@pytest.fixture(scope="session")
def reproduced(finished_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A card of that run's winner, validated in a folder of its own by another process, with one worker."""
    folder = tmp_path_factory.mktemp("reproduced")
    made = command("card", str(finished_run.cell(PUBLISHED)), "--output", "published")
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    return finish(folder, "validate", "published/card.json", "--max-concurrent", "1")


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One real run of both stages that many tests look at."""
    return finish(tmp_path_factory.mktemp("finished"), *SMALL)
