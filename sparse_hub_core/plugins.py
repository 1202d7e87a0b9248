"""Find plugins by entry point, load each in isolation, and keep a record of what became of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import importlib_metadata
import pluggy

from sparse_hub_core import hookspecs
from sparse_hub_core.errors import PluginError, did_you_mean
from sparse_hub_core.presets import derived_presets
from sparse_hub_core.registry import (
    BUILTIN_DISTRIBUTION,
    ROLES,
    BenchmarkEntry,
    Entry,
    FinishHook,
    MaskerEntry,
    ModelEntry,
    PluginRecord,
    PresetEntry,
    Provenance,
    Registry,
    SearchAlgorithmEntry,
    Subset,
    Table,
)

ENTRY_POINT_GROUP = "sparse_hub"
DISABLE_VARIABLE = "SPARSE_HUB_DISABLE_PLUGINS"
RAISE_VARIABLE = "SPARSE_HUB_RAISE_PLUGIN_ERRORS"
FINISH_HOOKS = ("trial_finished", "cell_finished")


def load_registry() -> Registry:
    """Load every installed plugin, built-ins included, and return what they registered.

    A plugin that fails is recorded with its error and offers nothing; the others work. The environment variable
    ``SPARSE_HUB_DISABLE_PLUGINS`` names plugins to leave out, ``SPARSE_HUB_RAISE_PLUGIN_ERRORS=1`` re-raises.
    """
    registry = Registry()
    disabled = {name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip()}
    found = _entry_points()
    _warn_of_unknown(disabled, [provenance for _, provenance in found])
    for entry_point, provenance in found:
        if provenance.plugin in disabled or provenance.distribution in disabled:
            registry.plugins.append(PluginRecord(provenance, "disabled", loaded=False))
            continue
        registry.plugins.append(_load_into(registry, entry_point, provenance))
    for preset in derived_presets(registry.maskers):
        registry.presets.add(preset)
    registry.plugins = [_with_clashes(registry, record) for record in registry.plugins]
    return registry


def _warn_of_unknown(disabled: Collection[str], found: Sequence[Provenance]) -> None:
    """Warn of names to leave out that nothing has, as what was meant is not left out."""
    known = {name for one in found for name in (one.plugin, one.distribution)}
    for name in sorted(set(disabled) - known):
        nearest = did_you_mean(name, known, "sparse-hub plugins")
        warnings.warn(f"{DISABLE_VARIABLE} names {name!r}, which is no plugin: {nearest}", stacklevel=3)


def are_errors_raised() -> bool:
    """Return whether the user wants what plugins raise instead of a sentence about it."""
    return os.environ.get(RAISE_VARIABLE) == "1"


def error_in_one_line(error: BaseException) -> str:
    """Return the type and the message of what a plugin raised, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _entry_points() -> list[tuple[Any, Provenance]]:
    found = {}
    for entry_point in importlib_metadata.entry_points(group=ENTRY_POINT_GROUP):
        dist = entry_point.dist
        provenance = Provenance(entry_point.name, dist.name if dist else "unknown", dist.version if dist else "unknown")
        # An editable install can be listed twice; one record per (distribution, name) is enough.
        found[(provenance.distribution, provenance.plugin)] = (entry_point, provenance)
    return [found[key] for key in sorted(found)]


def _load_into(registry: Registry, entry_point: Any, provenance: Provenance) -> PluginRecord:
    collected = _Collector(provenance)
    try:
        manager = pluggy.PluginManager(ENTRY_POINT_GROUP)
        manager.add_hookspecs(hookspecs)
        manager.register(entry_point.load(), name=provenance.plugin)
        manager.check_pending()
        for hook, callback in collected.callbacks().items():
            getattr(manager.hook, hook)(register=callback)
    except (Exception, SystemExit) as error:
        # A plugin may raise anything, and the others must work all the same.
        if are_errors_raised():
            raise
        offered = frozenset(entry.name for _, entry in collected.entries)
        return PluginRecord(provenance, "error", error_in_one_line(error), offered, loaded=False)
    for kind, entry in collected.entries:
        getattr(registry, kind).add(entry)
    callers = ((name, getattr(manager.hook, name)) for name in FINISH_HOOKS)
    registry.finish_hooks += [FinishHook(provenance, name, call) for name, call in callers if call.get_hookimpls()]
    return PluginRecord(provenance, "ok")


def _with_clashes(registry: Registry, record: PluginRecord) -> PluginRecord:
    sentences = []
    for table in registry.tables():
        for name in table.entries:
            sentence = _clash(table, name, record.provenance)
            if sentence:
                sentences.append(sentence)
    if not sentences:
        return record
    return replace(record, status="error", error=" ".join(filter(None, [record.error, *sentences])))


def _clash(table: Table[Any], name: str, provenance: Provenance) -> str | None:
    claimants = table.entries[name]
    mine = [entry for entry in claimants if entry.provenance == provenance]
    others = [entry.provenance.distribution for entry in claimants if entry.provenance != provenance]
    if not mine or not (others or len(mine) > 1) or provenance.distribution == BUILTIN_DISTRIBUTION:
        return None
    if not others:
        return f"The {table.kind} name {name!r} is registered twice by this plugin; rename one."
    who = ", ".join(sorted(set(others)))
    return (
        f"The {table.kind} name {name!r} is claimed by {who} too; "
        f"ask for '{provenance.distribution}:{name}', or rename it."
    )


class _Collector:
    """Holds what one plugin registers until all of it has worked."""

    def __init__(self, provenance: Provenance) -> None:
        self.provenance = provenance
        self.entries: list[tuple[str, Entry]] = []

    def callbacks(self) -> dict[str, Any]:
        return {
            "register_maskers": self.masker,
            "register_presets": self.preset,
            "register_benchmarks": self.benchmark,
            "register_search_algorithms": self.search_algorithm,
            "register_objectives": self.objective,
            "register_models": self.model,
        }

    def masker(self, name: str, ref: str, *, role: Any, summary: str, **metadata: Any) -> None:
        if role not in ROLES:
            raise PluginError(f"The masker {name!r} has the role {role!r}; it must be one of {', '.join(ROLES)}.")
        self._add("maskers", MaskerEntry(name, ref, summary, self.provenance, role, **metadata))

    def preset(self, name: str, entries: Any, *, summary: str) -> None:
        self._add("presets", PresetEntry(name, tuple(entries), summary, self.provenance))

    def benchmark(
        self, name: str, ref: str, *, summary: str, subsets: Any, version: str = "1", **of_all_subsets: Any
    ) -> None:
        defaults = {"metric": "score", "summary": summary, **of_all_subsets}
        made = tuple(Subset(subset, **defaults) if isinstance(subset, str) else subset for subset in subsets)
        for subset in made:
            if not subset.name or "@" in subset.name or "/" in subset.name:
                raise PluginError(f"The subset name {subset.name!r} is not usable; leave out '@' and '/'.")
        self._add("benchmarks", BenchmarkEntry(name, ref, summary, self.provenance, made, version))

    def search_algorithm(self, name: str, ref: str, *, summary: str, packages: Any = ()) -> None:
        self._add("search_algorithms", SearchAlgorithmEntry(name, ref, summary, self.provenance, tuple(packages)))

    def objective(self, name: str, ref: str, *, summary: str) -> None:
        self._add("objectives", Entry(name, ref, summary, self.provenance))

    def model(self, name: str, source: str | Path, *, summary: str, **metadata: Any) -> None:
        self._add("models", ModelEntry(name, str(source), summary, self.provenance, **metadata))

    def _add(self, kind: str, entry: Entry) -> None:
        if not entry.name or ":" in entry.name or ("/" in entry.name and kind != "models"):
            raise PluginError(f"The name {entry.name!r} is not usable; leave out ':' and '/'.")
        self.entries.append((kind, entry))
