"""The rows of several files, one after the other."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_hub_core.data.source import Rows


class JoinedRows:
    """Rows by number; a column that a row lacks is None, as in a table."""

    def __init__(self, paths: Sequence[Path], files: Sequence[Rows], columns: Sequence[Sequence[str]]) -> None:
        """Take the files, the rows of each, and the columns of each."""
        self.paths = tuple(paths)
        self.files = tuple(files)
        self.columns = tuple(dict.fromkeys(column for names in columns for column in names))
        self.ends = [sum(len(file) for file in self.files[: index + 1]) for index in range(len(self.files))]

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        """Return one row by column."""
        file, place = self._place(index)
        row = self.files[file][place]
        return {column: row.get(column) for column in self.columns}

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Iterate over the rows."""
        return (self[index] for index in range(len(self)))

    def name(self, index: int) -> str:
        """Return what error sentences call a row; the first of a file is row 1."""
        file, place = self._place(index)
        return f"row {place + 1} of {self.paths[file]}"

    def _place(self, index: int) -> tuple[int, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"There is no row {index}; there are {len(self)}.")
        index %= len(self)
        file = bisect.bisect_right(self.ends, index)
        return file, index - (self.ends[file - 1] if file else 0)
