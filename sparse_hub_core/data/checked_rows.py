"""Rows whose columns hold what the benchmark declared; each is looked at when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sparse_hub_core.data.joined_rows import JoinedRows
from sparse_hub_core.data.source import HubDataset
from sparse_hub_core.errors import DataError

_WORDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}


class CheckedRows:
    """Rows by number, of which a wrong one is refused with its file, number and column."""

    def __init__(self, rows: JoinedRows, dataset: HubDataset, error: Callable[[str], DataError]) -> None:
        """Take the rows, what they should be, and what makes an error of a reason."""
        self.rows = rows
        self.dataset = dataset
        self.error = error

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        """Return one row by column.

        Raises:
            DataError: A column of it holds something else than was declared.
        """
        row = self.rows[index]
        for column in self.dataset.columns:
            expected = self._expected(column, row[column])
            if expected:
                what = f"{self.rows.name(index)} has {_said(row[column])} in the column {column!r}"
                raise self.error(f"{what}, where {expected} is expected")
        return row

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Iterate over the rows."""
        return (self[index] for index in range(len(self)))

    def _expected(self, column: str, value: Any) -> str:
        """Return what a column should hold, nothing where it does."""
        if column in self.dataset.list_columns:
            is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
            return "" if is_list else "a list of texts"
        if column in self.dataset.other_columns:
            return "a value" if value is None else ""
        return "" if isinstance(value, str) else "text"


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        others = [one for one in value if not isinstance(one, str)]
        return f"a list with {_said(others[0])} in it" if others else "a list"
    return _WORDS.get(type(value), f"a {type(value).__name__}")
