"""A table as data: what people read in each column, and the values behind it for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

Value: TypeAlias = "str | int | float | bool | list[str] | None"
RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """One column for people, which stands for one or several values."""

    heading: str
    text: Callable[[RowT], str]
    names: tuple[str, ...]
    """Of its values, in files for programs."""
    values: Callable[[RowT], tuple[Value, ...]]
    """Returns them, unrounded; None for what was not measured."""
    legend: str = ""
    """What the column says, where the heading does not."""


@dataclass(frozen=True)
class DataTable(Generic[RowT]):
    """Columns, and what has a row."""

    columns: tuple[Column[RowT], ...]
    rows: tuple[RowT, ...]

    @property
    def headings(self) -> list[str]:
        """What stands above the columns, for people."""
        return [column.heading for column in self.columns]

    @property
    def texts(self) -> list[list[str]]:
        """The rows, for people."""
        return [[column.text(row) for column in self.columns] for row in self.rows]

    @property
    def names(self) -> list[str]:
        """The names of all values."""
        return [name for column in self.columns for name in column.names]

    @property
    def records(self) -> list[dict[str, Value]]:
        """The rows, for programs."""
        return [
            {
                name: value
                for column in self.columns
                for name, value in zip(column.names, column.values(row), strict=True)
            }
            for row in self.rows
        ]

    @property
    def legend(self) -> list[str]:
        """A line for each column that needs one."""
        return [f"{column.heading}: {column.legend}" for column in self.columns if column.legend]

    def only(self, is_shown: Callable[[str, Sequence[str]], bool]) -> DataTable[RowT]:
        """Return the table with the columns that are worth showing, judged by their headings and texts."""
        shown = [c for c in self.columns if is_shown(c.heading, [c.text(row) for row in self.rows])]
        return DataTable(tuple(shown), self.rows)


def plain(name: str, text: Callable[[RowT], str], heading: str = "", legend: str = "") -> Column[RowT]:
    """Return a column whose text is its value."""
    return Column(heading or name, text, (name,), lambda row: (text(row),), legend)
