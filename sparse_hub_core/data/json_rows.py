"""Rows of JSON files, by number, each as it was written.

Read by ourselves: ``datasets`` makes a copy of every file, turns answers that look like dates into dates, fills
objects up with each other's keys, and says of a damaged file only that it is one.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse_hub_core.errors import DataError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class DamagedFileError(Exception):
    """A file is cut off, damaged, or not what its name says; the message is the end of a sentence."""


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


class JsonRows:
    """The rows of several files, one after the other; a key that a row lacks is None, as in a table."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read each file once, to find its rows and to see that it is whole."""
        self.files = tuple(_read(path) for path in paths)
        self.column_names = list(dict.fromkeys(column for file in self.files for column in file.columns))
        self.ends = [sum(len(file) for file in self.files[: index + 1]) for index in range(len(self.files))]

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        """Return one row by column."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"There is no row {index}; there are {len(self)}.")
        index %= len(self)
        place = bisect.bisect_right(self.ends, index)
        row = self.files[place][index - (self.ends[place - 1] if place else 0)]
        return {column: row.get(column) for column in self.column_names}

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Iterate over the rows."""
        return (self[index] for index in range(len(self)))


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _read(path: Path) -> LinesFile | ListFile:
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(BYTE_ORDER_MARK).lstrip()
    return _read_list(path) if start.startswith(b"[") else _read_lines(path)


def _read_list(path: Path) -> ListFile:
    try:
        rows = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is cut off or damaged ({error})") from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DamagedFileError(f"entry {number} of the list in {path} is no JSON object")
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
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        if not line.endswith(b"\n"):
            raise DamagedFileError(f"{path} is cut off in the middle of line {number} ({error})") from error
        raise DamagedFileError(f"line {number} of {path} is no JSON ({error})") from error
    if not isinstance(row, dict):
        raise DamagedFileError(f"line {number} of {path} is no JSON object")
    return row
