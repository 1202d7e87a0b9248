"""What is built in is written as another team's plugin would be: on the public API alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = [
    ROOT / "sparse_hub_maskers_builtin",
    ROOT / "sparse_hub_benchmarks_builtin",
    *sorted(ROOT.glob("plugins/*/sparse_hub_*")),
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_nothing_inside_the_core_is_imported(package: Path) -> None:
    sources = list(package.rglob("*.py"))
    assert sources
    inside = re.compile(r"^\s*(?:from|import) sparse_hub_core\.", re.MULTILINE)
    assert [path.name for path in sources if inside.search(path.read_text(encoding="utf-8"))] == []
