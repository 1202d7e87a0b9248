"""Presets that follow from what is registered: the sink and local baseline, and one stack per selector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sparse_hub_core.registry import Fixed, MaskerEntry, PresetEntry, Registry, Table

if TYPE_CHECKING:
    from sparse_hub_core.masker import MaskerConfig

DENSE = "dense"
"""The baseline: validated, never searched."""


def derived_presets(maskers: Table[MaskerEntry]) -> Iterator[PresetEntry]:
    """Yield ``dense``, ``local_sink`` and ``sink_local_<name>`` for every selector."""
    sinks = [entry for entry in maskers if entry.role == "sink" and ":" not in entry.name]
    locals_ = [entry for entry in maskers if entry.role == "local" and ":" not in entry.name]
    if not sinks or not locals_:
        return
    sink, local = sinks[0].name, locals_[0].name
    yield PresetEntry(DENSE, (), "dense attention, the baseline", sinks[0].provenance)
    yield PresetEntry("local_sink", (local, sink), "a local window and sink tokens", sinks[0].provenance)
    for entry in maskers:
        if entry.role == "selector":
            plain = entry.name.rpartition(":")[2]
            summary = f"sink tokens, a local window, then {entry.summary}"
            yield PresetEntry(f"sink_local_{plain}", (sink, local, entry.name), summary, entry.provenance)


def preset_stack(registry: Registry, entry: PresetEntry) -> list[type[MaskerConfig] | MaskerConfig]:
    """Import a preset's stack: config classes are searched, instances stay fixed.

    Raises:
        UsageError: The preset names a masker that is not there, or fixes it outside its range.
    """
    return [_resolve(registry, part) for part in entry.ref]


def _resolve(registry: Registry, part: Any) -> type[MaskerConfig] | MaskerConfig:
    if isinstance(part, str):
        config_class: type[MaskerConfig] = registry.get(registry.maskers, part).load()
        return config_class
    if isinstance(part, Fixed):
        instance: MaskerConfig = (
            registry.get(registry.maskers, part.masker).load().from_parameters(dict(part.parameters))
        )
        return instance
    chosen: type[MaskerConfig] | MaskerConfig = part
    return chosen
