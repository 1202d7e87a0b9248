"""Rows of a JSON file, by number, each as it was written.

Read by ourselves: ``datasets`` makes a copy of every file, turns answers that look like dates into dates, fills
objects up with each other's keys, and says of a damaged file only that it is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse_hub_core.errors import DataError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FORMAT = "write one object per line, or all of them as one list"
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
"""How the halves of a pair are written; one without the other is valid JSON, and no text."""


class DamagedFileError(Exception):
    """A file is cut off, damaged, or not what its name says; the message is the end of a sentence."""

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        """Take what is wrong, and what to do where another copy of the file would not help."""
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True)
class LinesFile:
    """A file with an object per line, which stays on disk; ``offsets`` are where its rows begin."""

    path: Path
    offsets: tuple[int, ...]
    columns: tuple[str, ...]
    state: tuple[int, int]
    """Its size and when it was changed, as it was read."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.offsets)

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        """Read one row."""
        if not self.path.exists() or _state(self.path) != self.state:
            raise DataError(f"The file {self.path} was changed while it was in use; run the same command again.")
        with self.path.open("rb") as file:
            file.seek(self.offsets[index])
            row: Mapping[str, Any] = json.loads(file.readline().decode("utf-8"))
        return row


@dataclass(frozen=True)
class ListFile:
    """A file that is one list of objects."""

    rows: Sequence[Mapping[str, Any]]
    columns: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        """Return one row."""
        return self.rows[index]


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def read_json(path: Path) -> LinesFile | ListFile:
    """Return the rows of a file that has an object per line, or is one list of objects.

    Raises:
        DamagedFileError: It is neither.
    """
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(BYTE_ORDER_MARK).lstrip()
    return _read_list(path) if start.startswith(b"[") else _read_lines(path)


def _read_list(path: Path) -> ListFile:
    content = path.read_bytes()
    try:
        rows = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is cut off or damaged ({error})") from error
    halves = _HALF_CHARACTER.search(content) is not None
    for number, row in enumerate(rows, 1):
        _require_object(row, f"entry {number} of the list in {path}", halves)
    return ListFile(rows, tuple(dict.fromkeys(key for row in rows for key in row)))


def _read_lines(path: Path) -> LinesFile:
    state, offsets, columns, offset = _state(path), [], dict[str, None](), 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            skipped = len(BYTE_ORDER_MARK) if offset == 0 and line.startswith(BYTE_ORDER_MARK) else 0
            text = line[skipped:]
            if text.strip():
                columns.update(dict.fromkeys(_parse(path, number, text)))
                offsets.append(offset + skipped)
            offset += len(line)
    return LinesFile(path, tuple(offsets), tuple(columns), state)


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    place = f"line {number} of {path}"
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        if not line.endswith(b"\n"):
            raise DamagedFileError(f"{path} is cut off in the middle of line {number} ({error})") from error
        if line.startswith(b"{") and not line.rstrip().endswith(b"}"):
            raise DamagedFileError(f"{place} begins an object that goes on in the next line", FORMAT) from error
        raise DamagedFileError(f"{place} is no JSON ({error})") from error
    return _require_object(row, place, _HALF_CHARACTER.search(line) is not None)


def _require_object(row: Any, place: str, may_have_halves: bool) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DamagedFileError(f"{place} is no JSON object", FORMAT)
    if may_have_halves:
        try:
            json.dumps(row, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            half = json.dumps(error.object[error.start])
            raise DamagedFileError(
                f"{place} has half a character, {half}, which is no text", "write it as a whole, or leave it out"
            ) from error
    return row
