"""The list of broken maskers: for every check of the kit at least one that fails it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from good_maskers import ConfigClass

BROKEN: dict[str, list[tuple[ConfigClass, Any]]] = {}
"""Check -> config classes that fail it, each with its role."""


def breaks(*checks: str, role: str = "selector") -> Callable[[ConfigClass], ConfigClass]:
    def register(config_class: ConfigClass) -> ConfigClass:
        frozen = dataclass(frozen=True)(config_class)
        for check in checks:
            BROKEN.setdefault(check, []).append((frozen, role))
        return frozen

    return register
