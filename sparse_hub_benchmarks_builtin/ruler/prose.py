"""The prose that needles are hidden in: the official essays from a user's folder, or what ships here."""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path

from sparse_hub_benchmarks_builtin.ruler.haystack import Haystack
from sparse_hub_core import DataSource, UsageError

OFFICIAL_FILE = "PaulGrahamEssays.json"
_SHIPPED_FILE = Path(__file__).parent / "haystack" / "austen.txt.gz"


def find_haystack(data: DataSource) -> Haystack:
    """Return the haystack of the essay tasks.

    Raises:
        UsageError: The official essays are damaged.
    """
    file = _official_file(data)
    return _shipped() if file is None else Haystack.of(_official_text(file))


def prose_identity(data: DataSource) -> str:
    """Return what identifies the prose in a result."""
    file = _official_file(data)
    if file is None:
        return "generated"
    return f"folder {OFFICIAL_FILE} {hashlib.sha256(_official_text(file).encode()).hexdigest()[:16]}"


def _official_file(data: DataSource) -> Path | None:
    if data.kind != "folder" or data.folder is None:
        return None
    file = data.folder / OFFICIAL_FILE
    return file if file.is_file() else None


def _official_text(file: Path) -> str:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read ({error}); download it anew with RULER's script.") from error
    text = content.get("text") if isinstance(content, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f'{file} is not one JSON object with "text"; download it anew with RULER\'s script.')
    return text


@cache
def _shipped() -> Haystack:
    return Haystack.of(gzip.decompress(_SHIPPED_FILE.read_bytes()).decode())
