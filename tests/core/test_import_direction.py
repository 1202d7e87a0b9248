"""Imports run one way, and what is built on the core uses its public API only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / "sparse_hub_core"
LAYERS = (
    {"errors", "code_digest", "fidelity"},
    {"space", "registry", "callbacks", "hookspecs", "benchmark", "data", "progress", "wording", "wrong_values"},
    {"masker", "presets", "spec"},
    {"plugins", "optimizer_factory", "determinism"},
    {"lookup"},
    {"results"},
    {"finish_hooks"},
    {"attention"},
    {"models"},
    {"evaluation", "environment"},
    {"answering"},
    {"traces"},
    {"preparation", "workers"},
    {"search", "validation", "testing"},
    {"matrix", "report"},
    {"build_matrix"},
    {"search_plan"},
    {"model_run"},
    {"search_cell", "validation_cell"},
    {"run_cells"},
    {"execute_full_benchmark"},
    {"validate_best"},
    {"cli"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# The program under its old name starts the command line from its last lines.
EXCEPTIONS = {("execute_full_benchmark", "cli")}
USERS = ("sparse_hub_maskers_builtin", "sparse_hub_benchmarks_builtin", "plugins", "tests/packages")


def imported(path: Path) -> Iterator[str]:
    """Yield the sparse_hub_core modules that a file imports, those for type checkers left out."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
            if node.module.partition(".")[0] == "sparse_hub_core":
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "sparse_hub_core")


def core_files() -> list[Path]:
    return sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


def test_every_part_of_the_core_has_its_layer() -> None:
    parts = {path.relative_to(CORE).parts[0].removesuffix(".py") for path in core_files()}
    assert parts == set(RANK)


@pytest.mark.parametrize("path", core_files(), ids=lambda path: str(path.relative_to(CORE)))
def test_imports_run_downwards(path: Path) -> None:
    own = path.relative_to(CORE).parts[0].removesuffix(".py")
    for module in imported(path):
        _, _, rest = module.partition(".")
        other = rest.partition(".")[0]
        if other and (own, other) not in EXCEPTIONS:
            assert RANK[other] <= RANK[own], f"{own} imports {other}"


@pytest.mark.parametrize("user", USERS)
def test_plugins_use_the_public_api_only(user: str) -> None:
    for path in (ROOT / user).rglob("*.py"):
        if "tests" in path.relative_to(ROOT / user).parts or "demo_model_training" in path.parts:
            continue
        assert set(imported(path)) <= {"sparse_hub_core"}, path
