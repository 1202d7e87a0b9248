"""One renderer per format: lines for people, a table of GitHub, values separated by commas, JSON."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

from sparse_hub_core.report.data_table import DataTable, RowT, Value
from sparse_hub_core.report.text import write_table
from sparse_hub_core.wording import one_line

Format: TypeAlias = Literal["table", "md", "csv", "json"]
FORMATS: tuple[Format, ...] = ("table", "md", "csv", "json")


class Writer(Protocol):
    """Writes what people read to the standard output, be it a screen or a page."""

    def heading(self, text: str) -> None:
        """Begin a part."""

    def say(self, sentence: str) -> None:
        """Write a sentence."""

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table."""

    def code(self, text: str) -> None:
        """Write lines to copy as they are."""


class Screen:
    """Writes lines."""

    def __init__(self) -> None:
        self.is_begun = False

    def heading(self, text: str) -> None:
        """Leave a line before it, where it is not the first."""
        if self.is_begun:
            self.say("")
        self.say(f"{text}:")

    def say(self, sentence: str) -> None:
        """Write it on a line of its own, however long; a terminal gets it wrapped between words."""
        self.is_begun = True
        sentence = one_line(sentence)
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns
            sentence = textwrap.fill(sentence, width, break_long_words=False, break_on_hyphens=False)
        sys.stdout.write(sentence + "\n")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Align the columns; a terminal gets lines and folds what is too wide."""
        self.is_begun = True
        write_table(headings, rows)

    def code(self, text: str) -> None:
        """Write it as it is."""
        self.is_begun = True
        sys.stdout.write(text + "\n")


class Markdown:
    """Writes Markdown as GitHub shows it."""

    def heading(self, text: str) -> None:
        """Write a heading of the second level."""
        self._write(f"## {escaped(text)}")

    def say(self, sentence: str) -> None:
        """Write a paragraph."""
        if sentence:
            self._write(escaped(sentence))

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table."""
        self._write(markdown_table(headings, rows))

    def code(self, text: str) -> None:
        """Write a code block."""
        self._write(fenced(text, "python"))

    def _write(self, text: str) -> None:
        sys.stdout.write(text + "\n\n")


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; what would end a cell or begin markup is escaped."""
    lines = [list(headings), ["---"] * len(headings), *rows]
    escape = [lines[0], *lines[2:]]
    told = [[escaped(cell) for cell in line] for line in escape]
    return "\n".join("| " + " | ".join(line) + " |" for line in (told[0], lines[1], *told[1:]))


def fenced(text: str, language: str) -> str:
    """Return a code block, fenced with more backticks than it holds."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def escaped(text: str) -> str:
    """Return a text of others as Markdown that shows it as it is, on one line."""
    told = one_line(" ".join(text.split()))
    for special in "\\`*|":
        told = told.replace(special, "\\" + special)
    return told.replace("&", "&amp;").replace("<", "&lt;").replace("](", "]\\(")


def csv_text(table: DataTable[RowT]) -> str:
    """Return a header and a line per row, one column per value, unrounded; nothing for what was not measured."""
    written = io.StringIO()
    writer = csv.DictWriter(written, table.names, lineterminator="\n")
    writer.writeheader()
    for record in table.records:
        writer.writerow({name: _csv_value(value) for name, value in record.items()})
    return written.getvalue()


def _csv_value(value: Value) -> str | int | float | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "; ".join(value) if isinstance(value, list) else value


def json_text(content: Any) -> str:
    """Return JSON, unrounded."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
