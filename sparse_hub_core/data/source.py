"""Where the rows of a benchmark lie. Free of heavy imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class HubDataset:
    """One configuration of a dataset on the hub, at a pinned revision."""

    repository: str
    """The hub id, ``organisation/name``."""
    config: str
    """The configuration; in a folder, the name of the file or folder that holds it."""
    columns: tuple[str, ...]
    """The columns that must be there, and hold text in every row."""
    split: str = "test"
    revision: str = "main"
    """A commit; a branch is resolved when it is loaded, and the commit is recorded with every result."""
    hub_config: str | None = None
    """The configuration's name on the hub where it differs, "" for the only one."""
    data_files: tuple[str, ...] = ()
    """Files of the repository to read, for one whose configurations are not declared."""
    list_columns: tuple[str, ...] = ()
    """Those of the columns that hold a list of texts instead."""
    other_columns: tuple[str, ...] = ()
    """Those of the columns that hold anything else, such as numbers."""
    own_repository: bool = False
    """Whether each subset has a repository of its own, so that a folder has to name the configuration."""


@dataclass(frozen=True)
class DataSource:
    """Where a benchmark takes its rows from: the hub, a folder of the same schema, or its own offline sample."""

    kind: Literal["hub", "folder", "sample"] = "hub"
    folder: Path | None = None
    """The folder, for ``kind="folder"``."""
    revision: str | None = None
    """A commit of the hub in place of the dataset's own."""
    task: str = "BENCHMARK/SUBSET"
    """What the rows are for, as error sentences name it."""
    known: dict[tuple[str, str], Any] | None = field(default=None, repr=False, compare=False)
    """What was found out of each repository of the hub and revision; sources that share it ask once."""


class Rows(Protocol):
    """Rows by number; a ``datasets.Dataset`` is one."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        """Return one row by column."""


def hub_identity(repository: str, commit: str) -> str:
    """Return what results say of rows that came from the hub."""
    return f"hub {repository}@{commit}"


def hub_commit(identity: str) -> str | None:
    """Return the commit that an identity of ``hub_identity`` names, None for data from elsewhere."""
    # A benchmark may have added something of its own.
    return identity.partition("@")[2].partition(" ")[0] if identity.startswith("hub ") else None
