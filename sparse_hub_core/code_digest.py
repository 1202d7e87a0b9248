"""What identifies the code behind a result, so that an edited masker does not meet its old numbers."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CORE = Path(__file__).parent
CORE_PARTS = ("attention", "models", "search", "validation", "evaluation.py", "masker.py", "preparation.py", "space.py")
"""The parts of this package that a result depends on."""


def code_digest(thing: Any) -> str:
    """Return a digest of the Python files beside and below that of a class, a function or an object's class."""
    definition = thing if inspect.isclass(thing) or inspect.isfunction(thing) else type(thing)
    try:
        folder = Path(inspect.getfile(definition)).parent
    except (TypeError, OSError):
        # Defined in a notebook or at a prompt; its own source is all there is.
        return hashlib.sha256(inspect.getsource(definition).encode()).hexdigest()[:16]
    return _digest(folder.rglob("*.py"))


def core_digest() -> str:
    """Return a digest of this package's files that results depend on."""
    parts = [CORE / part for part in CORE_PARTS]
    return _digest(file for part in parts for file in ([part] if part.is_file() else part.glob("*.py")))


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
