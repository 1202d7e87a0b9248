"""Masker configs to and from the records that files hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.lookup import get_masker_config, masker_name
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.files import read_json
from sparse_hub_core.results.schema import Best, MaskerRecord

if TYPE_CHECKING:
    from sparse_hub_core.masker import MaskerConfig
    from sparse_hub_core.registry import Registry


def masker_records(registry: Registry, configs: Sequence[MaskerConfig]) -> list[MaskerRecord]:
    """Return what a file says of a configuration; a class that nobody registered goes by its own name."""
    return [
        MaskerRecord(
            masker=masker_name(registry, type(config)) or type(config).__name__, parameters=config.parameters()
        )
        for config in configs
    ]


def load_masker_configs(path: Path, registry: Registry | None = None) -> list[MaskerConfig]:
    """Return the configuration of a best.json, made of installed maskers only.

    Raises:
        UsageError: The file is missing or damaged, names a masker that is not installed, or a value out of range.
    """
    registry = registry or load_registry()
    return configs_from_records(registry, read_json(path, Best).maskers)


def configs_from_records(registry: Registry, records: Sequence[MaskerRecord]) -> list[MaskerConfig]:
    """Return the masker configs that records stand for."""
    return [get_masker_config(record.masker, registry).from_parameters(record.parameters) for record in records]
