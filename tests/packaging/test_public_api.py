"""What is built in is written as another team's plugin would be: on the public API alone."""

from __future__ import annotations

import re
import subprocess
import sys
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


@pytest.mark.parametrize(
    "before",
    [
        "from sparse_hub_core import get_run_configurations, execute_full_benchmark as found",
        "from sparse_hub_core import execute_full_benchmark as found, get_run_configurations",
        "import sparse_hub_core.execute_full_benchmark; from sparse_hub_core import execute_full_benchmark as found",
    ],
)
def test_a_function_is_not_taken_for_the_module_of_its_name(before: str) -> None:
    program = (
        f"{before}; import sparse_hub_core; print(found.__name__, sparse_hub_core.execute_full_benchmark is found)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stdout == "execute_full_benchmark True\n", result.stderr
