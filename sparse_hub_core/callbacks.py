"""The types of the callbacks that hooks are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sparse_hub_core.registry import Role, Subset


class RegisterMasker(Protocol):
    """The callback of ``register_maskers``."""

    def __call__(
        self, name: str, ref: str, *, role: Role, summary: str, paper: str | None = None, top_k: bool = False
    ) -> None:
        """Register one masker."""


class RegisterPreset(Protocol):
    """The callback of ``register_presets``."""

    def __call__(self, name: str, entries: Sequence[Any], *, summary: str) -> None:
        """Register one preset."""


class RegisterBenchmark(Protocol):
    """The callback of ``register_benchmarks``."""

    def __call__(
        self,
        name: str,
        ref: str,
        *,
        subsets: Sequence[str | Subset],
        summary: str,
        metric: str = "score",
        score_range: tuple[float, float] = (0.0, 100.0),
        higher_is_better: bool = True,
        licence: str = "unknown",
        generated: bool = False,
        typical_length: int | None = None,
        version: str = "1",
    ) -> None:
        """Register one benchmark; what is said of all its subsets holds for those that come as plain names."""


class RegisterSearchAlgorithm(Protocol):
    """The callback of ``register_search_algorithms``."""

    def __call__(self, name: str, ref: str, *, summary: str, packages: Sequence[str] = ()) -> None:
        """Register one search algorithm."""


class RegisterObjective(Protocol):
    """The callback of ``register_objectives``."""

    def __call__(self, name: str, ref: str, *, summary: str) -> None:
        """Register one objective."""


class RegisterModel(Protocol):
    """The callback of ``register_models``."""

    def __call__(
        self,
        name: str,
        source: str | Path,
        *,
        summary: str,
        revision: str | None = None,
        max_context_length: int | None = None,
    ) -> None:
        """Register one model by hub id or local path."""
