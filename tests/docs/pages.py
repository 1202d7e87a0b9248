"""What a page of the docs shows: its code blocks, and the checks that it lists."""

from __future__ import annotations

import inspect
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FIRST_RUN = "sparse-hub run --debug"


@dataclass(frozen=True)
class Block:
    """A code block, and why it is not run where the line before it says so: ``<!-- not run: reason -->``."""

    language: str
    source: str
    not_run: str


def page(name: str) -> str:
    return (ROOT / name if name == "README.md" else ROOT / "docs" / name).read_text()


def all_blocks(text: str) -> list[Block]:
    """Return the code blocks of a page, in order."""
    found = re.findall(r"^(?:<!-- not run: ([^\n]+) -->\n+)?```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Block(language, source, reason) for reason, language, source in found]


def blocks(text: str, language: str = "") -> list[str]:
    """Return the code blocks of a language, by default those without one; not those that are marked as not run."""
    return [block.source for block in all_blocks(text) if block.language == language and not block.not_run]


def lines(source: str) -> list[str]:
    """Return the commands of a shell block, without their comments."""
    return [line for line in (re.sub(r"(^|\s)# .*", "", line).strip() for line in source.splitlines()) if line]


def call(command: Sequence[str], folder: Path, environment: Mapping[str, str], given: str = "") -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(
        command, input=given, cwd=folder, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_files(folder: Path, *sources: str) -> None:
    """Write blocks that are files where their first lines say."""
    for source in sources:
        path = folder / source.partition("\n")[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)


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
