"""Every distribution here declares what it imports itself, and not only what another one happens to bring."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent.parent
PROJECTS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def read(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text())


def normalised(requirement: str) -> str:
    """Return the distribution of a requirement such as ``ray[tune]>=2.40``."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def imported(source: Path) -> set[str]:
    """Return the modules that a file imports where it runs: not those that only types need."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def owners() -> dict[str, list[str]]:
    """Return which distributions bring a module; an editable install does not say what it brings."""
    ours = {
        package: [settings["project"]["name"]] for settings in map(read, PROJECTS) for package in packages(settings)
    }
    return {**importlib_metadata.packages_distributions(), **ours}


def packages(settings: dict[str, Any]) -> list[str]:
    return settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: read(project)["project"]["name"])
def test_what_is_imported_is_declared(project: Path) -> None:
    settings, owner = read(project), owners()
    sources = [path for package in packages(settings) for path in (project / package).rglob("*.py")]
    extras = settings["project"].get("optional-dependencies", {})
    optional = [name for extra, names in extras.items() if extra != "dev" for name in names]
    required = (settings["project"]["name"], *settings["project"]["dependencies"])
    declared = {normalised(name) for name in (*required, *optional)}
    modules = {module for path in sources for module in imported(path)} - sys.stdlib_module_names
    undeclared = {module for module in modules if not declared & set(map(normalised, owner.get(module, [module])))}
    # Only the conformance kit needs it, which is run by pytest.
    assert undeclared <= {"pytest"}


def test_the_pins_hold_what_is_declared() -> None:
    pinned = {normalised(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] != "#"}
    declared = [requirement for requirement in read(ROOT)["project"]["dependencies"] if ";" not in requirement]
    assert {normalised(requirement) for requirement in declared} <= pinned
