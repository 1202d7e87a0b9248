"""What plugins registered: names to entries, clashes, and helpful failures."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import importlib_metadata

from sparse_hub_core.errors import PluginError, UsageError, did_you_mean

Role: TypeAlias = Literal["sink", "local", "selector", "restrict", "prefill", "other"]
ROLES: tuple[Role, ...] = ("sink", "local", "selector", "restrict", "prefill", "other")
BUILTIN_DISTRIBUTION = "sparse-hub"


@dataclass(frozen=True)
class Provenance:
    """The installed plugin that something comes from."""

    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Entry:
    """One registered thing; ``ref`` is a lazy ``"module:Name"`` reference or the object itself."""

    name: str
    ref: Any
    summary: str
    provenance: Provenance

    def load(self) -> Any:
        """Import and return the object behind the reference.

        Raises:
            PluginError: The reference cannot be imported.
        """
        if not isinstance(self.ref, str):
            return self.ref
        module_name, _, attribute = self.ref.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except Exception as error:
            # Importing a plugin's module may raise anything.
            origin = f"{self.provenance.distribution} {self.provenance.version}"
            raise PluginError(
                f"{self.name!r} of {origin} cannot be loaded from {self.ref!r}: "
                f"{type(error).__name__}: {error}; reinstall or repair that package."
            ) from error


@dataclass(frozen=True)
class MaskerEntry(Entry):
    """A masker config class and what is known of it without importing it."""

    role: Role = "other"
    paper: str | None = None
    top_k: bool = False
    """Whether it adds a number of keys by score, so that a sample of the others completes it."""


@dataclass(frozen=True)
class Fixed:
    """A preset entry whose hyperparameters are not searched; see ``fixed``."""

    masker: str
    parameters: tuple[tuple[str, Any], ...]


def fixed(masker: str, **parameters: Any) -> Fixed:
    """Return a preset entry that holds a registered masker at these hyperparameters."""
    return Fixed(masker, tuple(sorted(parameters.items())))


@dataclass(frozen=True)
class PresetEntry(Entry):
    """A stack of maskers; ``ref`` holds the sequence of its entries."""

    @property
    def maskers(self) -> tuple[str, ...]:
        """The names of the stack's maskers, in order."""
        return tuple(_masker_label(part) for part in self.ref)


def _masker_label(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Fixed):
        return part.masker
    return (part if isinstance(part, type) else type(part)).__name__


@dataclass(frozen=True)
class Subset:
    """One subset of a benchmark, and what is known of it without importing it."""

    name: str
    metric: str
    score_range: tuple[float, float] = (0.0, 100.0)
    higher_is_better: bool = True
    licence: str = "unknown"
    generated: bool = False
    """Whether it is made here; otherwise its rows come from the hub, a folder or the offline sample."""
    typical_length: int | None = None
    """Tokens of a usual context; None where any length that is asked for is filled."""
    summary: str = ""
    """What the subset asks; the benchmark's summary by default."""
    other_metrics: tuple[str, ...] = ()
    """Further scores that every question gets, on the same scale."""
    extra_metrics: tuple[str, ...] = ()
    """Scores that are computed only where they are asked for, because they need a model or another package."""
    answers_in_question: bool = False
    """Whether the question itself holds the answer, as options do."""


@dataclass(frozen=True)
class BenchmarkEntry(Entry):
    """A benchmark and what is known of it without importing it."""

    subsets: tuple[Subset, ...] = ()
    version: str = "1"
    """Changes whenever the benchmark's prompts or scores do."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks as ``benchmark/subset``."""
        return tuple(f"{self.name}/{subset.name}" for subset in self.subsets)

    @property
    def extra_metrics(self) -> frozenset[str]:
        """The extra metrics of any of its subsets."""
        return frozenset(name for subset in self.subsets for name in subset.extra_metrics)

    def subset(self, name: str) -> Subset | None:
        """Return the subset of a name, or None."""
        return next((subset for subset in self.subsets if subset.name == name), None)


@dataclass(frozen=True)
class SearchAlgorithmEntry(Entry):
    """A search algorithm and the distributions that it needs beside those that its plugin requires."""

    packages: tuple[str, ...] = ()
    """Their versions identify its results."""

    def check_packages(self) -> None:
        """Check that it can be used, which is more than to be described.

        Raises:
            UsageError: A package that it needs is not installed.
        """
        for package in self.packages:
            try:
                importlib_metadata.version(package)
            except importlib_metadata.PackageNotFoundError:
                raise UsageError(
                    f"The search algorithm {self.name!r} needs the package {package!r}, which is not installed: "
                    f"pip install {self._installable(package)}."
                ) from None

    @property
    def is_installed(self) -> bool:
        """Whether all that it needs is there."""
        try:
            self.check_packages()
        except UsageError:
            return False
        return True

    def _installable(self, package: str) -> str:
        own = self.provenance.distribution
        try:
            extras = importlib_metadata.metadata(own).get_all("Provides-Extra") or []
        except importlib_metadata.PackageNotFoundError:
            extras = []
        return f"'{own}[{package}]'" if package in extras else package


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A model by name; ``ref`` is a hub id or a local path."""

    revision: str | None = None
    max_context_length: int | None = None

    def load(self) -> str:
        """Return the hub id or path, which is not something to import."""
        return str(self.ref)


@dataclass(frozen=True)
class PluginRecord:
    """What became of one entry point; ``offered`` are the names a failed plugin had tried to register."""

    provenance: Provenance
    status: Literal["ok", "error", "disabled"]
    error: str | None = None
    offered: frozenset[str] = frozenset()
    loaded: bool = True
    """False where nothing of the plugin is registered; a plugin with a clash of names is loaded all the same."""


@dataclass(frozen=True)
class FinishHook:
    """A plugin's hook that hears what a run did: ``trial_finished`` or ``cell_finished``."""

    provenance: Provenance
    name: str
    call: Callable[..., Any]


EntryT = TypeVar("EntryT", bound=Entry)


@dataclass
class Table(Generic[EntryT]):
    """The entries of one kind, by name; third parties that claim one name are told apart by distribution."""

    kind: str
    listing: str = ""
    """The command that lists them."""
    entries: dict[str, list[EntryT]] = field(default_factory=dict)

    def add(self, entry: EntryT) -> None:
        """Add an entry; a clash is kept and reported when the name is asked for."""
        self.entries.setdefault(entry.name, []).append(entry)

    def claimants(self, name: str) -> list[EntryT]:
        """Return the entries a plain or ``distribution:name`` name stands for; the built-in one keeps its name."""
        if ":" in name:
            distribution, _, plain = name.partition(":")
            return [e for e in self.entries.get(plain, []) if e.provenance.distribution == distribution]
        found = self.entries.get(name, [])
        builtin = [e for e in found if e.provenance.distribution == BUILTIN_DISTRIBUTION]
        return builtin or found

    def __iter__(self) -> Iterator[EntryT]:
        """Yield every entry, sorted; names claimed twice come qualified by their distribution."""
        for name in sorted(self.entries):
            chosen = self.claimants(name)
            if len(chosen) == 1:
                yield chosen[0]
            for entry in self.entries[name]:
                if len(chosen) > 1 or entry is not chosen[0]:
                    yield replace(entry, name=f"{entry.provenance.distribution}:{name}")


@dataclass
class Registry:
    """Everything that plugins registered, and the record of each plugin."""

    maskers: Table[MaskerEntry] = field(default_factory=lambda: Table("masker", "sparse-hub list-maskers"))
    presets: Table[PresetEntry] = field(default_factory=lambda: Table("preset", "sparse-hub list-presets"))
    benchmarks: Table[BenchmarkEntry] = field(default_factory=lambda: Table("benchmark", "sparse-hub list-benchmarks"))
    search_algorithms: Table[SearchAlgorithmEntry] = field(
        default_factory=lambda: Table("search algorithm", "sparse-hub list-search-algorithms")
    )
    objectives: Table[Entry] = field(default_factory=lambda: Table("objective", "sparse-hub list-objectives"))
    models: Table[ModelEntry] = field(default_factory=lambda: Table("model", "sparse-hub list-models"))
    plugins: list[PluginRecord] = field(default_factory=list)
    finish_hooks: list[FinishHook] = field(default_factory=list)

    def tables(self) -> tuple[Table[Any], ...]:
        """Return the tables in the order they are documented."""
        return (
            self.maskers,
            self.presets,
            self.benchmarks,
            self.search_algorithms,
            self.objectives,
            self.models,
        )

    def get(self, table: Table[EntryT], name: str) -> EntryT:
        """Return the one entry behind a name.

        Raises:
            PluginError: The name is claimed twice, or the plugin that offers it is broken.
            UsageError: Nothing of that name is registered.
        """
        found = table.claimants(name)
        if len(found) == 1:
            return found[0]
        if found:
            options = " or ".join(f"'{e.provenance.distribution}:{e.name}'" for e in found)
            raise PluginError(f"The {table.kind} {name!r} is claimed by several plugins; ask for {options}.")
        raise self._missing(table, name)

    def _missing(self, table: Table[Any], name: str) -> UsageError:
        broken = [record for record in self.plugins if record.status == "error" and not record.loaded]
        for record in broken:
            if name.rpartition(":")[2] in record.offered:
                p = record.provenance
                return PluginError(
                    f"The {table.kind} {name!r} comes from the plugin {p.plugin!r} of {p.distribution} "
                    f"{p.version}, which failed to load: {record.error}"
                )
        sentence = f"Unknown {table.kind} {name!r}: {did_you_mean(name, [e.name for e in table], table.listing)}"
        disabled = ", ".join(repr(r.provenance.plugin) for r in self.plugins if r.status == "disabled")
        if disabled:
            sentence += f" SPARSE_HUB_DISABLE_PLUGINS leaves out {disabled}."
        if broken:
            failures = "; ".join(f"{r.provenance.plugin!r} of {r.provenance.distribution}: {r.error}" for r in broken)
            return PluginError(f"{sentence} Plugins that failed to load and may offer it: {failures}")
        return UsageError(sentence)
