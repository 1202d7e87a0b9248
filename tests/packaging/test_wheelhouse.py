"""The distributions here, built, installed by name into an environment of their own, and run."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
OURS = ("sparse_hub", "_sparse_hub", "__editable__")


def call(*command: str | Path, folder: Path | None = None) -> str:
    process = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=400)
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheelhouse")
    projects = (ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")))
    call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", target, *projects)
    return target


@pytest.fixture(scope="module")
def installed(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that sees this one's libraries, but nothing of this repository, plus the plugin by name."""
    folder = tmp_path_factory.mktemp("installed")
    libraries = folder / "libraries"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(OURS) and path.suffix != ".pth":
            (libraries / path.name).symlink_to(path)
    venv.create(folder / "venv", with_pip=True)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    (site / "libraries.pth").write_text(f"{libraries}\n")
    pip = folder / "venv/bin/pip"
    # The old one that venv brings would hide this environment's.
    call(pip, "uninstall", "-q", "-y", "setuptools")
    call(pip, "install", "-q", "--no-index", "--find-links", wheelhouse, "sparse-hub-magicpig")
    return folder / "venv/bin"


def test_every_distribution_is_built(wheelhouse: Path) -> None:
    assert len(list(wheelhouse.glob("*.whl"))) == 1 + len(list(ROOT.glob("plugins/*/pyproject.toml")))


def test_the_plugin_brings_the_preset(installed: Path, tmp_path: Path) -> None:
    presets = json.loads(call(installed / "sparse-hub", "list-presets", "--json", folder=tmp_path))
    owner = {preset["name"]: preset["distribution"] for preset in presets}
    assert owner["sink_local_magic_pig"] == "sparse-hub-magicpig"
    assert owner["local_sink"] == "sparse-hub"


def test_the_installed_program_runs_on_its_package_data(installed: Path, tmp_path: Path) -> None:
    small = (
        "--num-samples",
        "1",
        "--search-max-requests",
        "1",
        "--validation-max-requests",
        "2",
        "--max-concurrent",
        "1",
    )
    call(installed / "sparse-hub", "run", "--debug", "--preset", "local_sink", *small, folder=tmp_path)
    assert next(tmp_path.glob("runs/run-*/report.html")).stat().st_size > 0
    where = call(installed / "python", "-c", "import sparse_hub_core; print(sparse_hub_core.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
