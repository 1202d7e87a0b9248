from __future__ import annotations

import os
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import FIRST_RUN, ROOT, blocks, call, page, write_files

INDEPENDENT_OF_THE_NETWORK = {
    "HF_HUB_OFFLINE": "1",
    "PIP_NO_INDEX": "1",
    # pip reads this one upside down.
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A new environment that sees the libraries installed here, has sparse-hub, and takes what the pages install."""
    folder = tmp_path_factory.mktemp("environment")
    # It uses the pip that is installed here.
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (site / "installed_here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    variables = {**os.environ, **INDEPENDENT_OF_THE_NETWORK, "PATH": path, "VIRTUAL_ENV": str(folder)}
    install = ("python", "-m", "pip", "install", "--quiet", "--no-deps", "--ignore-installed", str(ROOT))
    call(install, folder, variables)
    return variables


@pytest.fixture(scope="session")
def plugins(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The packages of writing-plugins.md, installed as one that has all of their entry points."""
    folder, text = tmp_path_factory.mktemp("plugins"), page("writing-plugins.md")
    write_files(folder, *blocks(text, "python"))
    (project,) = blocks(text, "toml")
    packages = sorted(path.name for path in folder.iterdir())
    entry_points = [f'{name.removeprefix("sparse_hub_")} = "{name}"\n' for name in packages if name not in project]
    wheel = f"[tool.hatch.build.targets.wheel]\npackages = {packages}\n"
    (folder / "pyproject.toml").write_text(project + "".join(entry_points) + wheel)
    call(("python", "-m", "pip", "install", "--quiet", "--no-deps", "."), folder, environment)


@pytest.fixture(scope="session")
def first_run(environment: dict[str, str], plugins: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the first run of the README was made, with the plugins of the docs installed."""
    folder = tmp_path_factory.mktemp("first_run")
    (folder / "printed").write_text(call(FIRST_RUN.split(), folder, environment))
    return folder


@pytest.fixture
def walk(environment: dict[str, str], tmp_path: Path) -> Callable[[str, str], str]:
    """Runs every command of a page, and returns what they printed once the package came from its wheel."""

    def run(name: str, package: str) -> str:
        commands = ("bash", "-euxo", "pipefail", "-c", "\n".join(blocks(page(name), "sh")))
        printed = call(commands, tmp_path, environment)
        where = call(("python", "-c", f"import {package} as it; print(it.__file__)"), tmp_path, environment)
        assert Path(where.strip()).is_relative_to(environment["VIRTUAL_ENV"])
        return printed

    return run
