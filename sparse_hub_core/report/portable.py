"""Maskers and their parameters as a card tells of them: without the folders of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse_hub_core.results.card import CardMasker
from sparse_hub_core.results.schema import MaskerRecord

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry


def portable_masker(record: MaskerRecord, registry: Registry, versions: Mapping[str, str]) -> CardMasker:
    """Return a masker as a card tells of it, and where it comes from."""
    files: dict[str, str] = {}
    parameters = portable(record.parameters, files)
    if not registry.maskers.claimants(record.masker):
        return CardMasker(masker=record.masker, parameters=parameters, distribution=None, version=None, files=files)
    origin = registry.get(registry.maskers, record.masker).provenance
    return CardMasker(
        masker=record.masker,
        parameters=parameters,
        distribution=origin.distribution,
        version=versions.get(origin.distribution, origin.version),
        files=files,
    )


def portable(value: Any, files: dict[str, str]) -> Any:
    """Return a parameter without the folders of this machine; what a file holds is kept as its digest."""
    if isinstance(value, dict):
        return {key: portable(inner, files) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [portable(inner, files) for inner in value]
    if not isinstance(value, str):
        return value
    path = Path(value)
    # A text that is no path may be too long for one, or begin as the home of somebody who is not known here.
    with suppress(OSError, ValueError, RuntimeError):
        if path.expanduser().is_file():
            files[path.name] = hashlib.sha256(path.expanduser().read_bytes()).hexdigest()
            return path.name
    return path.name if path.is_absolute() or value.startswith("~") else value
