"""Which rows a task is run on, by what the user said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse_hub_core.data.source import DataSource
from sparse_hub_core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from sparse_hub_core.lookup import Task
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.spec import DataSettings


def check_folders(settings: DataSettings, registry: Registry) -> None:
    """Check that the folders are there, and belong to benchmarks that are.

    Raises:
        UsageError: One does not.
    """
    if settings.sample and (settings.folder or settings.root):
        raise UsageError("--data-sample runs no other data; leave it out, or --data-folder and --data-root.")
    for name, folder in settings.folder.items():
        if not registry.benchmarks.claimants(name):
            known = [entry.name for entry in registry.benchmarks]
            raise UsageError(f"--data-folder names an unknown benchmark, {name!r}: {did_you_mean(name, known)}")
        _require_folder(f"--data-folder {name}", folder)
    if settings.root is not None:
        _require_folder("--data-root", settings.root)


def _names(key: str, task: Task) -> bool:
    """Return whether a setting's name, plain or with the distribution, is that of a task's benchmark."""
    distribution, _, plain = key.rpartition(":")
    return plain == task.entry.name and distribution in ("", task.entry.provenance.distribution)


def _require_folder(flag: str, folder: str) -> None:
    # An empty path, such as an unset variable leaves, would be the current folder.
    if not folder or not Path(folder).expanduser().is_dir():
        raise UsageError(f"The folder {folder or repr(folder)} of {flag} is not there; check the path.")


def choose_data(
    settings: DataSettings,
    task: Task,
    revision: str | None = None,
    known: dict[tuple[str, str], Any] | None = None,
) -> DataSource:
    """Return where a task's rows come from: its sample, its own folder, its folder below the root, or the hub.

    Args:
        settings: What the user said.
        task: The task.
        revision: A commit of the hub in place of the benchmark's own.
        known: What the hub answered before, which is then not asked again.

    Raises:
        UsageError: A root is given, and the benchmark that needs data has no folder in it.
    """
    name = task.benchmark
    if task.is_sample:
        return DataSource("sample", task=task.name)
    own = next((folder for key, folder in settings.folder.items() if _names(key, task)), None)
    if own is not None:
        return DataSource("folder", Path(own).expanduser(), task=task.name)
    if settings.root is not None:
        folder = Path(settings.root).expanduser() / name.replace(":", "__")
        if folder.is_dir():
            return DataSource("folder", folder, task=task.name)
        if not task.subset.generated:
            raise UsageError(
                f"--data-root {settings.root} has no folder {folder.name!r} for {task.name}; put its data there, "
                f"name another folder with --data-folder {name}=DIR, or run the offline sample {task.name}@sample."
            )
    return DataSource("hub", revision=revision, task=task.name, known=known)
