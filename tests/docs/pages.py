"""What a page of the docs shows: its code blocks, and the checks that it lists."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def blocks(text: str, language: str = "") -> list[str]:
    """Return the code blocks of a language, by default those without one."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [source for named, source in found if named == language]


def files(text: str) -> set[str]:
    """Return the files that the page says ``new`` writes."""
    (tree,) = [block for block in blocks(text) if block.startswith("sparse-hub-")]
    return {line.split()[0] for line in tree.splitlines()[1:]}


def checks(text: str) -> list[tuple[str, str]]:
    """Return the names and sentences of the checks that a page lists, in order."""
    return re.findall(r"^\| `(\w+)` \| ([A-Z][^|]+\.) \|$", text, re.MULTILINE)


def public(thing: type) -> Iterator[str]:
    """Yield what a class declares, those it inherits from here included."""
    for base in inspect.getmro(thing):
        if base.__module__.startswith("sparse_hub_core"):
            yield from (name for name in {**vars(base), **base.__annotations__} if not name.startswith("_"))
