"""The hooks a plugin may implement: ``register_...`` to offer something, ``..._finished`` to hear what a run did.

Each of the former receives a ``register`` callback to call once per thing it offers. A reference is a string
``"package.module:Name"``, so registering imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    from sparse_hub_core.finish_hooks import CellPlace
    from sparse_hub_core.results.schema import CellSummary, TrialLine

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


@hookspec
def trial_finished(cell: CellPlace, trial: TrialLine, index: int, number: int) -> None:
    """Hear that a trial ended, however it ended, once its line is in trials.jsonl.

    ``index`` is its place in ``cell.trials()``, from 1. ``number`` counts the trials at its fidelity, from 1 as well;
    infeasible ones do not count. Both go on where an earlier process stopped, whose trials are not told again.
    """


@hookspec
def cell_finished(cell: CellPlace, rows: Sequence[CellSummary]) -> None:
    """Hear that a cell ended, once all its files and its rows in summary.json are there; a row for each winner.

    A cell whose results are there already is told again by each run that comes across it. One that is interrupted
    is not told until a later run ends it.
    """
