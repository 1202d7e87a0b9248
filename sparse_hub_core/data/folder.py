"""What a folder of data holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DEPTH = 6
"""How many folders deep is looked; no published dataset is deeper, and a link to a parent folder ends there."""


def list_files(folder: Path) -> list[str]:
    """Return the files below a folder, relative and with forward slashes; hidden ones are left out."""
    return sorted(_walk(folder, "", DEPTH))


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_file():
                yield prefix + entry.name
            elif entry.is_dir() and depth:
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", depth - 1)


def declared_configs(readme: Path) -> list[Mapping[str, Any]]:
    """Return the configurations that the head of a dataset's README declares.

    Raises:
        ValueError: The head is damaged.
    """
    if not readme.is_file():
        return []
    # Imported here because most folders have no such file.
    import yaml
    from huggingface_hub import DatasetCard

    try:
        configs = DatasetCard.load(readme, ignore_metadata_errors=True).data.get("configs") or []
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(f"the head of its README.md is damaged ({str(error).splitlines()[0]})") from error
    if not isinstance(configs, list) or not all(isinstance(config, Mapping) for config in configs):
        raise ValueError("the configs in the head of its README.md are no list of mappings")
    return configs


def unfinished_download(folder: Path) -> bool:
    """Whether ``hf download --local-dir`` was interrupted here and has left a file that it had not finished."""
    return any((folder / ".cache" / "huggingface").rglob("*.incomplete"))
