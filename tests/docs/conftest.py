from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import ROOT, blocks, page

INDEPENDENT_OF_THE_NETWORK = {
    "PIP_NO_INDEX": "1",
    # pip reads this one upside down.
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A new environment that sees the libraries installed here, has sparse-hub, and takes what the pages install."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    site = next(folder.glob("lib/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (site / "installed_here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    variables = {**os.environ, **INDEPENDENT_OF_THE_NETWORK, "PATH": path, "VIRTUAL_ENV": str(folder)}
    pip = (str(folder / "bin/python"), "-m", "pip")
    # The old one that venv brings would hide the one that is installed here.
    subprocess.run([*pip, "uninstall", "--quiet", "--yes", "setuptools"], env=variables, check=True)
    install = ("install", "--quiet", "--no-deps", "--ignore-installed", str(ROOT))
    subprocess.run([*pip, *install], env=variables, check=True, capture_output=True)
    return variables


@pytest.fixture
def walk(environment: dict[str, str], tmp_path: Path) -> Callable[[str, str], str]:
    """Runs every command of a page, and returns what they printed once the package came from its wheel."""

    def run(name: str, package: str) -> str:
        commands = ("bash", "-euxo", "pipefail", "-c", "\n".join(blocks(page(name), "sh")))
        done = subprocess.run(commands, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr
        where = ("python", "-c", f"import {package} as it; print(it.__file__)")
        found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert Path(found.stdout.strip()).is_relative_to(environment["VIRTUAL_ENV"])
        return done.stdout

    return run
