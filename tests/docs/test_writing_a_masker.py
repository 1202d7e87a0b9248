"""docs/writing-a-masker.md names all there is to declare and to use, and its commands lead where they say."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparse_hub_core
from sparse_hub_core import Layer, Mask, Masker, MaskerConfig
from sparse_hub_core.testing import CHECKS, Check

ROOT = Path(__file__).parent.parent.parent
DOC = (ROOT / "docs/writing-a-masker.md").read_text()
INDEPENDENT_OF_THE_NETWORK = {
    "PIP_NO_INDEX": "1",
    # pip reads this one upside down.
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def public(thing: type) -> Iterator[str]:
    """Yield what a class declares, those it inherits from here included."""
    for base in inspect.getmro(thing):
        if base.__module__.startswith("sparse_hub_core"):
            yield from (name for name in {**vars(base), **base.__annotations__} if not name.startswith("_"))


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


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_is_listed_with_its_sentence(check: Check) -> None:
    assert f"| `{check.name}` | {check.description} |" in DOC


def test_no_check_is_listed_that_is_not_there() -> None:
    listed = re.findall(r"^\| `(\w+)` \| [A-Z][^|]+\. \|$", DOC, re.MULTILINE)
    assert listed == [check.name for check in CHECKS]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A new environment that sees the libraries installed here, has sparse-hub, and takes what the page installs."""
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


@pytest.mark.slow
def test_the_walk_leads_to_a_run_of_the_installed_wheel(environment: dict[str, str], tmp_path: Path) -> None:
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", DOC, re.DOTALL))
    walk = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert walk.returncode == 0, walk.stdout + walk.stderr
    assert "sink_local_smallest_keys" in walk.stdout
    assert "sink, local, smallest_keys" in walk.stdout
    assert list(tmp_path.glob("runs/run-*/demo/ruler__niah_multikey_2/sink_local_smallest_keys/validation.json"))
    where = subprocess.run(
        ["python", "-c", "import sparse_hub_smallest_keys as it; print(it.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(environment["VIRTUAL_ENV"])
