"""The archive of sources: this distribution alone, and all that a wheel needs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"sparse_hub_core", "sparse_hub_maskers_builtin", "sparse_hub_benchmarks_builtin"}


def build(kind: str, project: Path, target: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=project, check=True, capture_output=True, timeout=100)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    with tarfile.open(build("sdist", ROOT, folder / "sdist")) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (project,) = (folder / "unpacked").iterdir()
    return project


def test_it_holds_nothing_of_the_plugins_or_the_tests(unpacked: Path) -> None:
    expected = {"README.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore", *PACKAGES}
    assert {path.name for path in unpacked.iterdir()} == expected


def test_a_wheel_that_is_built_from_it_holds_all_data(unpacked: Path, tmp_path: Path) -> None:
    with ZipFile(build("wheel", unpacked, tmp_path / "wheel")) as wheel:
        found = set(wheel.namelist())
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.*") if path.is_file())
    data = {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in {".py", ".pyc"}}
    assert {Path(name).parent.name for name in data} >= {"sample", "haystack", "demo_model"}
    assert data <= found
