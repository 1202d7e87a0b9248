"""Tensors in safetensors files under content keys, which all processes of a machine share through its page cache."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sparse_hub_core.models.stored_files import METADATA_KEY, PART_SUFFIX, SCHEMA_VERSION, SUFFIX, store_paths

MAX_STORE_BYTES = 32 << 30
IDENTITY_FILE = "identity"
KEPT_FREE = 0.5
"""A file is written only where it leaves this share of the free disk space free."""


@dataclass(frozen=True)
class Stored:
    """The tensors of one file, memory-mapped, and what its header says."""

    tensors: Mapping[str, torch.Tensor]
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

    def identity(self) -> str:
        """Return what tells this folder from one of the same path on another machine."""
        with self.making(IDENTITY_FILE):
            path = self.directory / IDENTITY_FILE
            if not path.exists():
                path.write_text(uuid.uuid4().hex)
            return path.read_text()

    def begin(self) -> None:
        """Begin with other work: what was used until now may make room for what comes."""
        self.opened.clear()
        self.started = time.time()

    def room(self) -> int:
        """Return how many bytes can be kept at all, as far as the disk has them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        held = sum(size for _, size, _ in store_paths(self.directory))
        # What is written moves from the one to the other, so a resumed run plans as the first one did.
        return min(self.max_bytes, int(KEPT_FREE * (held + shutil.disk_usage(self.directory).free)))

    def get(self, key: str) -> Stored | None:
        """Return what was put under a key, by any process; None where nothing was, or it is damaged."""
        if key not in self.opened:
            # Another process may make room for its own at any moment.
            with suppress(FileNotFoundError, SafetensorError, ValueError, LookupError, TypeError):
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
        save_file(whole, part, metadata={METADATA_KEY: json.dumps(dict(header))})
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
        files = sorted(store_paths(self.directory))
        total = sum(size for _, size, _ in files)
        for touched, size, path in files:
            cut_off = path.suffix == PART_SUFFIX
            if touched < self.started and (cut_off or not self._fits(total, num_bytes)):
                path.unlink(missing_ok=True)
                total -= size
        return self._fits(total, num_bytes)

    def _fits(self, held: int, num_bytes: int) -> bool:
        free = shutil.disk_usage(self.directory).free
        return held + num_bytes <= self.max_bytes and num_bytes <= free * KEPT_FREE


def _mark_used(path: Path) -> None:
    # The kernel's own time stamps lag behind the clock that ``started`` was read from.
    now = time.time()
    os.utime(path, (now, now))


def _read(path: Path) -> Stored:
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Stored(tensors, header)
