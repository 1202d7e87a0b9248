"""Tensors in safetensors files under content keys, which all processes of a machine share through its page cache."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

SCHEMA_VERSION = 3
SUFFIX, PART_SUFFIX = ".safetensors", ".part"
MAX_STORE_BYTES = 32 << 30
KEPT_FREE = 0.5
"""A file is written only where it leaves this share of the free disk space free."""


@dataclass(frozen=True)
class Stored:
    """The tensors of one file, memory-mapped, and what its header says."""

    tensors: Mapping[str, torch.Tensor]
    header: Mapping[str, Any]


@dataclass(frozen=True)
class StoredFile:
    """A file of a store as a listing shows it."""

    path: Path
    num_bytes: int
    last_used: float
    header: Mapping[str, Any]


@dataclass
class TensorStore:
    """Files that are written once, by whichever process is first, and deleted when newer ones need their room."""

    directory: Path
    max_bytes: int = MAX_STORE_BYTES
    opened: dict[str, Stored] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.directory / f"{key}-{SCHEMA_VERSION}{SUFFIX}"

    def begin(self) -> None:
        """Begin with other work: what was used until now may make room for what comes."""
        self.opened.clear()
        self.started = time.time()

    def room(self) -> int:
        """Return how many bytes can be kept at all, as far as the disk has them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        held = sum(size for _, size, _ in _sizes(self.directory))
        return min(self.max_bytes, held + int(KEPT_FREE * shutil.disk_usage(self.directory).free))

    def get(self, key: str) -> Stored | None:
        """Return what was put under a key, by any process, or None."""
        if key not in self.opened:
            # Another process may make room for its own at any moment.
            with suppress(FileNotFoundError):
                _mark_used(self.path(key))
                self.opened[key] = _read(self.path(key))
        return self.opened.get(key)

    def put(self, key: str, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> bool:
        """Write a file unless the store or the disk is too full for it; return whether it was written."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._make_room(sum(tensor.nbytes for tensor in tensors.values())):
            return False
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        part = self.path(key).with_suffix(f".{os.getpid()}{PART_SUFFIX}")
        save_file(whole, part, metadata={"sparse_hub": json.dumps(dict(header))})
        _mark_used(part)
        part.replace(self.path(key))
        return True

    @contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Let only one process of the machine make what belongs under a key; the others wait, and find it."""
        locks = self.directory / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{key}.lock"):
            yield

    def _make_room(self, num_bytes: int) -> bool:
        """Delete what earlier runs left, the oldest first; this run's own files are all needed again."""
        files = sorted(_sizes(self.directory))
        total = sum(size for _, size, _ in files)
        for touched, size, path in files:
            cut_off = path.suffix == PART_SUFFIX
            if touched >= self.started or (total + num_bytes <= self.max_bytes and not cut_off):
                continue
            path.unlink(missing_ok=True)
            total -= size
        free = shutil.disk_usage(self.directory).free
        return total + num_bytes <= self.max_bytes and num_bytes <= free * KEPT_FREE


def stored_files(directory: Path) -> list[StoredFile]:
    """Return the files of a store, the last used first; what is damaged or of another version has no header."""
    if not directory.is_dir():
        return []
    found = [
        StoredFile(path, size, touched, _header(path))
        for touched, size, path in _sizes(directory)
        if path.suffix == SUFFIX
    ]
    return sorted(found, key=lambda file: -file.last_used)


def _mark_used(path: Path) -> None:
    # The kernel's own time stamps lag behind the clock that ``started`` was read from.
    now = time.time()
    os.utime(path, (now, now))


def _sizes(directory: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each file was last used, its size and its path."""
    for path in directory.iterdir():
        with suppress(FileNotFoundError):
            status = path.stat()
            if path.suffix in (SUFFIX, PART_SUFFIX):
                yield status.st_mtime, status.st_size, path


def _read(path: Path) -> Stored:
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["sparse_hub"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Stored(tensors, header)


def _header(path: Path) -> Mapping[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {}).get("sparse_hub", "{}"))
    except (SafetensorError, OSError, ValueError):
        return {}
    return header
