"""Where a model comes from: a registered name, a local folder or a hub id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry


@dataclass(frozen=True)
class ModelSource:
    """A model as the user named it, and where it is loaded from."""

    name: str
    location: str
    revision: str | None = None
    max_context_length: int | None = None
    registered: bool = False

    @property
    def reference(self) -> str:
        """What names this model anywhere: its registered name, its folder, or its hub id and revision."""
        if self.registered:
            return self.name
        return f"{self.location}@{self.revision}" if self.revision else self.location

    @property
    def place(self) -> str:
        """Where it is loaded from, in words."""
        return self.location + (f" at {self.revision}" if self.revision else "")

    @property
    def is_local(self) -> bool:
        """Whether the location is a folder of this machine."""
        return Path(self.location).is_dir()


def resolve_model(registry: Registry, name: str) -> ModelSource:
    """Return the source behind a registered name, a local folder, or a hub id with an optional ``@revision``.

    Raises:
        UsageError: It is none of them.
    """
    if registry.models.claimants(name):
        entry = registry.get(registry.models, name)
        return ModelSource(name, entry.load(), entry.revision, entry.max_context_length, registered=True)
    if Path(name).is_dir():
        return ModelSource(Path(name).resolve().name, str(Path(name).resolve()))
    location, _, revision = name.partition("@")
    looks_like_path = name.startswith((".", "/", "~")) or "\\" in name
    if looks_like_path or location.count("/") != 1:
        nearest = did_you_mean(name, [entry.name for entry in registry.models], registry.models.listing)
        raise UsageError(
            f"Unknown model {name!r}: it is no registered name, no folder here, and no hub id such as "
            f"'organisation/model'; {nearest}"
        )
    return ModelSource(name, location, revision or None)
