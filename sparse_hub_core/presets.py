"""Presets that follow from what is registered: the sink and local baseline, and one stack per selector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sparse_hub_core.registry import BUILTIN_DISTRIBUTION, Fixed, MaskerEntry, PresetEntry, Registry, Table

if TYPE_CHECKING:
    from sparse_hub_core.masker import MaskerConfig

COMPLETING_SAMPLER = "adaptive_sampling"
"""What vAttention draws the keys with that a top-k selector leaves out."""
DENSE = "dense"
"""The baseline: validated, never searched."""


def derived_presets(maskers: Table[MaskerEntry]) -> Iterator[PresetEntry]:
    """Yield ``dense``, ``local_sink``, ``sink_local_<name>`` for selectors and ``vattention_<name>`` for top-k ones."""
    # Only the built-in ones: another sink or window must not change what these presets have always meant.
    builtin = [entry for entry in maskers if entry.provenance.distribution == BUILTIN_DISTRIBUTION]
    of_role = {entry.role: entry for entry in reversed(builtin)}
    if not {"sink", "local"} <= of_role.keys():
        return
    sink, local, origin = of_role["sink"].name, of_role["local"].name, of_role["sink"].provenance
    yield PresetEntry(DENSE, (), "dense attention, the baseline", origin)
    yield PresetEntry("local_sink", (local, sink), "a local window and sink tokens", origin)
    sampler = next((entry.name for entry in builtin if entry.name == COMPLETING_SAMPLER), None)
    for entry in maskers:
        if entry.role != "selector":
            continue
        plain, stack = entry.name.rpartition(":")[2], (sink, local, entry.name)
        summary = f"sink tokens, a local window, then {entry.summary}"
        yield PresetEntry(f"sink_local_{plain}", stack, summary, entry.provenance)
        if entry.top_k and sampler is not None:
            sampled = f"{summary}, then a sample of the rest"
            yield PresetEntry(f"vattention_{plain}", (*stack, sampler), sampled, entry.provenance)


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
