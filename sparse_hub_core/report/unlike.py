"""In what else than their presets two runs differ, so that a difference of scores may come from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_hub_core.report.arms import Source

ELSEWHERE = ("task", "validation.timeout", "validation.max_requests", "extra_metrics", "versions.", "device")
"""What changes no score of a question, and what is told of by itself."""
HARDWARE = ("device", "machine", "system", "gpus")
MEANINGS = {
    "model": "the model's content",
    "benchmark_version": "the benchmark's version",
    "data": "the data",
    "seed": "the seed",
    "dtype": "the precision",
    "code.core": "the code of sparse-hub",
    "code.benchmark": "the code of the benchmark",
    "validation.max_new_tokens": "--validation-max-new-tokens",
    "validation.max_context_length": "--validation-max-context-length",
}
"""How a condition is called; the others go by their own names."""
DIGESTS = ("model", "code.core", "code.benchmark")
"""Conditions whose values tell a reader nothing."""


def unlike_sentences(sources: Sequence[Source], place: tuple[str, str], has_unlike_dense: bool) -> list[str]:
    """Return in what the conditions of some runs differ on one model and task.

    Args:
        sources: The runs.
        place: The model and the task.
        has_unlike_dense: Whether dense attention's scores differ, which other hardware may be the reason of.
    """
    if len(sources) < 2:
        return []
    told = []
    conditions = [_scored(source.conditions.get(place, {})) for source in sources]
    settings = _differing(conditions, sources)
    if settings:
        told.append(f"The runs differ in more than their presets: {'; '.join(settings)}.")
    versions = _differing([_versions(source.conditions.get(place, {})) for source in sources], sources)
    if versions:
        told.append(f"They ran with other software: {'; '.join(versions)}.")
    hardware = _differing([{name: source.hardware.get(name) for name in HARDWARE} for source in sources], sources)
    if hardware:
        so = "may be why dense scores differ" if has_unlike_dense else "rounds otherwise, which may change an answer"
        told.append(f"They ran on other hardware, which {so}: {'; '.join(hardware)}.")
    return told


def _scored(conditions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in conditions.items() if not name.startswith(ELSEWHERE)}


def _versions(conditions: Mapping[str, Any]) -> dict[str, Any]:
    begin = "versions."
    return {name.removeprefix(begin): value for name, value in conditions.items() if name.startswith(begin)}


def _differing(found: Sequence[Mapping[str, Any]], sources: Sequence[Source]) -> list[str]:
    """Return what is not the same in all runs, with the value of each."""
    told = []
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one.get(name) for one in found]
        if all(value == values[0] for value in values):
            continue
        called = MEANINGS.get(name, name)
        if name not in DIGESTS:
            each = ", ".join(f"{value} in {source.name}" for value, source in zip(values, sources, strict=True))
            called = f"{called} ({each})"
        told.append(called)
    return told
