"""The distributions of this repository, and how each is installed."""

from __future__ import annotations

import sys
from pathlib import Path

from sparse_hub_core.registry import BUILTIN_DISTRIBUTION

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def our_packages(root: Path) -> dict[str, str]:
    """Return the distributions by name, each with the words for where it comes from."""
    projects = sorted(root.glob("plugins/*/pyproject.toml"))
    names = {tomllib.loads(path.read_text())["project"]["name"]: path.parent.name for path in projects}
    told = {name: f"`pip install ./plugins/{folder}`" for name, folder in names.items()}
    return {BUILTIN_DISTRIBUTION: "built in", **told}
