"""Warm start: the best configurations of earlier runs are tried before anything is proposed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sparse_hub_core.errors import UsageError
from sparse_hub_core.results.files import read_json
from sparse_hub_core.results.schema import Best
from sparse_hub_core.space import Choice, Domain

MOVED_ASIDE = re.compile(r".+\.[0-9a-f]{8}(\.\d+)?")
"""The folder of a cell whose results were moved aside for others."""


def earlier_winners(paths: Iterable[str], own: Path) -> list[Best]:
    """Return the winners in some files, and below some folders of runs.

    Args:
        paths: The files and folders.
        own: The folder of the run that begins with them; what it found itself would change what it is.

    Raises:
        UsageError: A path is not there, or holds no best.json.
    """
    found: list[Best] = []
    for name in paths:
        path = Path(name)
        files = sorted(_below(path)) if path.is_dir() else [path]
        files = [file for file in files if file.exists() and own.resolve() not in file.resolve().parents]
        if not files:
            raise UsageError(f"--warm-start {name!r} {_lacking(path, own)}")
        found += [read_json(file, Best) for file in files]
    return found


def _lacking(path: Path, own: Path) -> str:
    """Return why there is no winner at a path, and what to do."""
    if not path.exists():
        return "is not there; name a best.json, or the folder of a run."
    if path.is_dir() and any(own.resolve() in file.resolve().parents for file in path.rglob("best.json")):
        return (
            "holds only what this run itself found; name another run, or leave the flag out: a run resumes by itself."
        )
    return (
        "holds no best.json, as no search there ended with a winner; end that run with its own command, or name "
        "another run's folder."
    )


def _below(folder: Path) -> list[Path]:
    """Return the winners in a folder, but for those that later ones took the place of."""
    found = folder.rglob("best.json")
    return [file for file in found if not any(map(MOVED_ASIDE.fullmatch, file.relative_to(folder).parts))]


def fitting(winners: Sequence[Best], space: Mapping[str, Domain]) -> list[dict[str, Any]]:
    """Return the parameters of those winners that are points of a search space, each once."""
    points: list[dict[str, Any]] = []
    for winner in winners:
        if winner.parameters.keys() != space.keys():
            continue
        values = {name: _value(domain, winner.parameters[name]) for name, domain in space.items()}
        if all(found for found, _ in values.values()):
            point = {name: value for name, (_, value) in values.items()}
            points += [] if point in points else [point]
    return points


def _value(domain: Domain, value: Any) -> tuple[bool, Any]:
    """Return whether a value that JSON held is in a domain, and as what: JSON has lists where options have tuples."""
    if not isinstance(domain, Choice):
        return value in domain, value
    place = domain.place(value)
    return place is not None, value if place is None else domain.options[place]
