"""Atomic writes, append-only lines, and reading both back after a crash."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sparse_hub_core.errors import SparseHubError, UsageError
from sparse_hub_core.wrong_values import what_is_wrong

ModelT = TypeVar("ModelT", bound=BaseModel)


def content_hash(content: Mapping[str, Any]) -> str:
    """Return a digest of JSON-able content that is the same in every process and on every machine."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader sees the old content or the new.

    Raises:
        SparseHubError: The disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise disk_error(path, error) from error


def write_json(path: Path, content: BaseModel) -> None:
    """Replace a JSON file in one step."""
    write_text(path, content.model_dump_json(indent=2) + "\n")


def append_line(path: Path, content: BaseModel) -> None:
    """Append one JSON line, and see it on the disk before returning.

    Raises:
        SparseHubError: The disk is full or the folder cannot be written.
    """
    append_lines(path, [content])


def append_lines(path: Path, contents: Sequence[BaseModel]) -> None:
    """Append JSON lines, and see them on the disk before returning: all of them, or none where that fails.

    Raises:
        SparseHubError: The disk is full or the folder cannot be written.
    """
    text = "".join(content.model_dump_json() + "\n" for content in contents)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered, because a buffer would be written again when the file is closed after a failure.
        with path.open("ab", buffering=0) as file:
            start = file.tell()
            if start and not _ends_with_newline(path):
                # A line that a crash cut off must not swallow the next one.
                text = "\n" + text
            try:
                _write_all(file, text.encode())
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(start)
                raise
    except OSError as error:
        raise disk_error(path, error) from error


def _write_all(file: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_json(path: Path, model: type[ModelT]) -> ModelT:
    """Read and check a JSON file.

    Raises:
        UsageError: It is missing, damaged, or of another schema version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    return parsed(path, content, model)


def parsed(path: Path, content: bytes, model: type[ModelT]) -> ModelT:
    """Check the JSON that was read from a file.

    Raises:
        UsageError: It is damaged, or of another schema version.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(
            f"{path} is damaged, or no such file of this version of sparse-hub: {_reason(error)}."
        ) from error


def read_lines(path: Path, model: type[ModelT]) -> list[ModelT]:
    """Read the JSON lines of a file; lines that a crash cut off are dropped with a warning.

    Raises:
        UsageError: A whole line does not fit the schema.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(model.model_validate_json(line))
        except ValidationError as error:
            if error.errors()[0]["type"] != "json_invalid":
                raise UsageError(f"{path}, line {number}, is of another version: {_reason(error)}.") from error
            warnings.warn(f"{path}, line {number}, is cut off and was dropped.", stacklevel=2)
    return found


def _reason(error: ValidationError) -> str:
    detail = error.errors()[0]
    path = ".".join(str(part) for part in detail["loc"])
    wrong = what_is_wrong([detail])
    if not path:
        return wrong
    return f"{path} {wrong.removeprefix('it ')}" if wrong.startswith("it ") else f"{path}: {wrong}"


def disk_error(path: Path, error: OSError) -> SparseHubError:
    """Return the sentence for a file that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SparseHubError(
            f"No space is left on the device for {path}; free some and run the same command again: "
            "what was written so far is kept."
        )
    return SparseHubError(f"{path} cannot be written: {error.strerror}; choose a folder that can be written to.")
