"""Rows of a CSV file, every cell the text that stands there.

Read by ourselves: pandas takes "007" for a number, and fills up or shifts the rows that have another number of cells.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparse_hub_core.data.json_rows import DamagedFileError, ListFile

LONGEST_CELL = 2**31 - 1
"""More than any context, and the largest number that the parser takes on every system."""


def read_csv(path: Path) -> ListFile:
    """Return the rows of a file whose first line names the columns.

    Raises:
        DamagedFileError: It is cut off, or a row has not as many cells as there are columns.
    """
    with path.open(encoding="utf-8-sig", newline="") as file, _long_cells():
        reader = csv.reader(file, strict=True)
        try:
            filled = (cells for cells in reader if cells)
            columns = next(filled, [])
            rows = [_row(columns, cells, f"the row in line {reader.line_num} of {path}") for cells in filled]
        except (csv.Error, UnicodeDecodeError) as error:
            raise DamagedFileError(f"line {reader.line_num} of {path} cannot be read ({error})") from error
    return ListFile(rows, tuple(columns))


def _row(columns: list[str], cells: list[str], place: str) -> dict[str, str]:
    if len(cells) != len(columns):
        raise DamagedFileError(
            f"{place} has {len(cells)} cells, where the first line names {len(columns)} columns",
            "put cells that hold a comma or a line break in double quotes",
        )
    return dict(zip(columns, cells, strict=True))


@contextmanager
def _long_cells() -> Iterator[None]:
    # The parser refuses what is longer than 128 KiB, and knows no other way to say so than a setting for all.
    limit = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
