from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
PACKAGES = Path(__file__).parent / "packages"


@pytest.fixture(scope="session")
def golden() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Pip-installs packages of tests/packages, each once into a folder of its own, and returns a PYTHONPATH."""
    folders: dict[str, Path] = {}

    def install_packages(*names: str) -> str:
        for name in names:
            if name not in folders:
                folders[name] = tmp_path_factory.mktemp(name)
                _pip_install(PACKAGES / name, folders[name])
        return os.pathsep.join(str(folders[name]) for name in names)

    return install_packages


def _pip_install(package: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(package)]
    if importlib.util.find_spec("hatchling"):
        command += ["--no-build-isolation", "--no-index"]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture
def sparse_hub(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real program in a process and a folder of its own; keywords are environment variables."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sparse_hub_core.cli.main", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, timeout=120
        )

    return run
