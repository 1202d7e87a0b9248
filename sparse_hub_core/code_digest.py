"""What identifies the code behind a result, so that an edited masker or metric does not meet its old numbers."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

CORE = Path(__file__).parent
CORE_PARTS = (
    *("attention", "data", "models", "search", "validation"),
    *("evaluation.py", "masker.py", "preparation.py", "space.py"),
)
"""The parts of this package that a result depends on."""


def code_digest(thing: Any) -> str:
    """Return a digest of the Python files that a class, a function or an object's class is made of.

    Those are the files beside and below its own, and what these import from elsewhere in their own package.
    """
    definition = thing if inspect.isclass(thing) or inspect.isfunction(thing) else type(thing)
    try:
        own = Path(inspect.getfile(definition))
    except (TypeError, OSError):
        # Defined in a notebook or at a prompt; its own source is all there is.
        return hashlib.sha256(inspect.getsource(definition).encode()).hexdigest()[:16]
    files = set(own.parent.rglob("*.py"))
    depth = definition.__module__.count(".") + (own.name == "__init__.py")
    if depth and CORE not in own.parents:
        files |= _imported(files, own.parent.parents[depth - 1])
    return _digest(files)


def core_digest() -> str:
    """Return a digest of this package's files that results depend on."""
    parts = [CORE / part for part in CORE_PARTS]
    return _digest(file for part in parts for file in ([part] if part.is_file() else part.glob("*.py")))


def _imported(files: set[Path], root: Path) -> set[Path]:
    """Return what files import, directly or not, from the packages below ``root`` that hold them."""
    packages = {file.relative_to(root).parts[0] for file in files}
    found: set[Path] = set()
    pending = set(files)
    while pending:
        reached = {
            path
            for file in pending
            for module in _modules(file)
            if module.partition(".")[0] in packages and (path := _file_of(module, root)) is not None
        }
        pending = reached - found - files
        found |= pending
    return found


def _modules(file: Path) -> Iterator[str]:
    """Yield the absolute modules that a file imports, and what may be one among the names it takes from them."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file_of(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
