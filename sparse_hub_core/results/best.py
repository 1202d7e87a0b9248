"""Masker configs to and from the records that files hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.errors import UsageError
from sparse_hub_core.lookup import get_masker_config, masker_name
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.card import read_card
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


def load_winner(path: Path) -> Best:
    """Return the winner of a best.json or a card.json, or of the cell's folder that holds the former.

    Raises:
        UsageError: The file is missing, damaged or of another version.
    """
    file = path / "best.json" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise UsageError(
            f"{path} holds no best.json; name the file, or the folder of a cell, such as "
            "runs/run-0123456789/MODEL/TASK/PRESET."
        )
    card = read_card(file)
    return read_json(file, Best) if card is None else card.as_best()


def load_masker_configs(path: Path, registry: Registry | None = None) -> list[MaskerConfig]:
    """Return the configuration of a best.json, a card.json or a cell's folder, made of installed maskers only.

    Raises:
        UsageError: The file is missing or damaged, names a masker that is not installed, or a value out of range.
    """
    return configs_from_records(registry or load_registry(), load_winner(path).maskers)


def configs_from_records(registry: Registry, records: Sequence[MaskerRecord]) -> list[MaskerConfig]:
    """Return the masker configs that records stand for."""
    return [get_masker_config(record.masker, registry).from_parameters(record.parameters) for record in records]
