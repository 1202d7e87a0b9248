"""What identifies the code behind a result, so that an edited masker or metric does not meet its old numbers."""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import stat
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sparse_hub_core.errors import UsageError

CORE = Path(__file__).parent
CORE_PARTS = (
    *("attention", "data", "models", "search", "traces", "validation", "workers"),
    *("benchmark.py", "evaluation.py", "fidelity.py", "masker.py", "optimizer_factory.py", "preparation.py"),
    *("search_cell.py", "search_plan.py", "space.py"),
)
"""The parts of this package that a result depends on."""
CHUNK_BYTES = 1 << 20


class _File(NamedTuple):
    """A file in the state it is in now: what was found out of it holds until its time or size changes."""

    path: str
    modified_ns: int
    size: int


def code_digest(thing: Any) -> str:
    """Return a digest of the files that a class, a function or an object's class is made of.

    Those are the files beside and below its own, data included, and the modules that these import from elsewhere in
    their own package. What is hidden or compiled does not count. A module that is in no package stands for itself.

    Raises:
        UsageError: There is neither a file nor a source.
    """
    definition = thing if inspect.isclass(thing) or inspect.isfunction(thing) else type(thing)
    own = _own_file(definition)
    if own is None:
        return _source_digest(definition)
    depth = definition.__module__.count(".") + (own.name == "__init__.py")
    if not depth:
        # Its neighbours may be everything that is installed.
        return _digest(_states([own]), own.parent)
    root = own.parent.parents[depth - 1]
    files = _states(_beside_and_below(own.parent))
    if CORE not in own.parents:
        files |= _imported(files, definition.__module__.partition(".")[0], root)
    return _digest(files, root)


def _own_file(definition: Any) -> Path | None:
    try:
        own = Path(inspect.getfile(definition))
    except (TypeError, OSError):
        return None
    # A program that is read from a pipe says that its file is "<stdin>".
    return own if own.is_file() else None


def _source_digest(definition: Any) -> str:
    try:
        source = inspect.getsource(definition)
    except (TypeError, OSError) as error:
        raise UsageError(
            f"The source of {definition.__qualname__} cannot be found, so an edit of it would not be noticed; "
            "define it in a file and import it from there."
        ) from error
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def core_digest() -> str:
    """Return a digest of this package's files that results depend on."""
    parts = [CORE / part for part in CORE_PARTS]
    paths = [file for part in parts for file in ([part] if part.is_file() else part.glob("*.py"))]
    return _digest(_states(paths), CORE)


def _beside_and_below(folder: Path) -> Iterator[Path]:
    """Yield the paths of the files of a folder, but for what is hidden or compiled from another one."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith(".") and name[-4:] != ".pyc")


def _states(paths: Iterable[Path]) -> frozenset[_File]:
    """Return those of the paths that are files, as they are now."""
    return frozenset(file for path in paths if (file := _state(path)) is not None)


def _state(path: Path) -> _File | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _File(str(path), found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


def _imported(files: frozenset[_File], package: str, root: Path) -> frozenset[_File]:
    """Return what files import, directly or not, from their own package, which lies in ``root``."""
    found: frozenset[_File] = frozenset()
    pending = frozenset(file for file in files if file.path.endswith(".py"))
    known: set[str] = set()
    while pending:
        modules = {module for file in pending for module in _modules(file, package, root)} - known
        known |= modules
        reached = frozenset(file for module in modules if (file := _file_of(module, root)) is not None)
        pending = reached - found - files
        found |= pending
    return found


@cache
def _modules(file: _File, package: str, root: Path) -> frozenset[str]:
    """Return the modules of a package that a file imports, and what may be one among the names it takes from them."""
    try:
        tree = ast.parse(Path(file.path).read_bytes())
    except SyntaxError:
        # Data that is called a program, such as the source files of a code benchmark.
        return frozenset()
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, Path(file.path), root)
            modules.add(module)
            modules.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(module for module in modules if module.partition(".")[0] == package)


def _absolute(node: ast.ImportFrom, file: Path, root: Path) -> str:
    """Return the module that names are taken from, also where it is named from the file's own place."""
    if not node.level:
        return node.module or ""
    above = file.relative_to(root).parts[: -node.level]
    return ".".join([*above, *filter(None, [node.module])])


def _file_of(module: str, root: Path) -> _File | None:
    path = root.joinpath(*module.split("."))
    return _state(path.with_suffix(".py")) or _state(path / "__init__.py")


@cache
def _digest(files: frozenset[_File], root: Path) -> str:
    """Return a digest of the content of files and of their places below ``root``, wherever that is."""
    digest = hashlib.sha256()
    for file in sorted(files):
        place = Path(file.path).relative_to(root).as_posix()
        digest.update(place.encode() + b"\0" + _content_hash(file))
    return digest.hexdigest()[:16]


@cache
def _content_hash(file: _File) -> bytes:
    digest = hashlib.sha256()
    with Path(file.path).open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
