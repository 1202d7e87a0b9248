"""The files of a tensor store as a listing shows them, read without torch."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

SCHEMA_VERSION = 3
SUFFIX, PART_SUFFIX = ".sparse-hub.safetensors", ".part"
METADATA_KEY = "sparse_hub"
"""Where a file's own header is, in the metadata of safetensors."""
_NAME = re.compile(r".+-(?P<version>\d+)\.sparse-hub\.(safetensors|\d+\.part)")
_LENGTH = struct.Struct("<Q")
"""A safetensors file begins with the length of its header, which is JSON."""

State: TypeAlias = Literal["usable", "other version", "damaged", "cut off"]


@dataclass(frozen=True)
class StoredFile:
    """A file of a store."""

    path: Path
    num_bytes: int
    last_used: float
    state: State
    header: Mapping[str, Any]
    """What the file says of itself; empty where it is not usable."""


def store_paths(directory: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each file of a store was last used, its size and its path; what else is in the folder is left out."""
    for path in directory.iterdir() if directory.is_dir() else ():
        # Another process may make room for its own at any moment.
        with suppress(FileNotFoundError):
            status = path.stat()
            if _NAME.fullmatch(path.name) and path.is_file():
                yield status.st_mtime, status.st_size, path


def stored_files(directory: Path) -> list[StoredFile]:
    """Return the files of a store, the last used first."""
    found = [
        StoredFile(path, num_bytes, last_used, *_state(path, num_bytes))
        for last_used, num_bytes, path in store_paths(directory)
    ]
    return sorted(found, key=lambda file: (-file.last_used, file.path))


def _state(path: Path, num_bytes: int) -> tuple[State, Mapping[str, Any]]:
    if path.suffix == PART_SUFFIX:
        return "cut off", {}
    name = _NAME.fullmatch(path.name)
    if name is None or int(name["version"]) != SCHEMA_VERSION:
        return "other version", {}
    try:
        header = _header(path, num_bytes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return "damaged", {}
    return "usable", header


def _header(path: Path, num_bytes: int) -> dict[str, Any]:
    """Return what a file says of itself; whatever is raised means that it is damaged."""
    with path.open("rb") as file:
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        if length > num_bytes:
            raise ValueError("The header is longer than the file.")
        parts = json.loads(file.read(length))
    header = json.loads(parts.pop("__metadata__")[METADATA_KEY])
    end = max((part["data_offsets"][1] for part in parts.values()), default=0)
    if num_bytes != _LENGTH.size + length + end or not isinstance(header, dict):
        raise ValueError("The file is not as long as its header says.")
    return header
