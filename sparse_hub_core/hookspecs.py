"""The hooks a plugin may implement; each receives a ``register`` callback to call once per thing it offers.

A reference is a string ``"package.module:Name"``, so registering imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from sparse_hub_core.callbacks import (
        RegisterBenchmark,
        RegisterMasker,
        RegisterModel,
        RegisterObjective,
        RegisterPreset,
        RegisterSearchAlgorithm,
    )

hookspec = pluggy.HookspecMarker("sparse_hub")
hookimpl = pluggy.HookimplMarker("sparse_hub")


@hookspec
def register_maskers(register: RegisterMasker) -> None:
    """Offer maskers: ``register(name, ref, role=..., summary=..., paper=None, top_k=False)``; a config class."""


@hookspec
def register_presets(register: RegisterPreset) -> None:
    """Offer presets: ``register(name, entries, summary=...)``; entries are masker names, fixed(...) or classes."""


@hookspec
def register_benchmarks(register: RegisterBenchmark) -> None:
    """Offer benchmarks: ``register(name, ref, subsets=..., summary=..., version="1")``; ref is a Benchmark class.

    Subsets are ``Subset`` objects, or names for which ``metric="score"``, ``score_range=(0, 100)``,
    ``higher_is_better=True``, ``licence="unknown"``, ``generated=False`` and ``typical_length=None`` hold.
    """


@hookspec
def register_search_algorithms(register: RegisterSearchAlgorithm) -> None:
    """Offer search algorithms: ``register(name, ref, summary=..., packages=())``; ref is a SearchAlgorithm class.

    ``packages`` are distributions that only this algorithm needs; without them it can be listed, but not used.
    """


@hookspec
def register_objectives(register: RegisterObjective) -> None:
    """Offer objectives: ``register(name, ref, summary=...)``; ref is a function of (error, density), minimised.

    It may be an ``Objective`` class too, for what looks at more than those two.
    """


@hookspec
def register_models(register: RegisterModel) -> None:
    """Offer models: ``register(name, source, summary=..., revision=None, max_context_length=None)``."""
