"""Prefix snapshots: the keys and values of a dense prefix, made once and restored by copying."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from sparse_hub_core.errors import ModelError

SCHEMA_VERSION = 2
MAX_STORE_BYTES = 32 << 30
KEPT_FREE = 0.5
"""A snapshot is written only where it leaves this share of the free disk space free."""


@dataclass(frozen=True)
class PrefixSnapshot:
    """Keys and values of each layer, ``(1, Hkv, n, d)``; a sliding layer holds only its window."""

    length: int
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    queries: dict[int, torch.Tensor]
    """``(1, Hq, n, d)`` the prefix's last queries, of each layer that attends to the whole sequence."""

    @property
    def num_bytes(self) -> int:
        """The size of all keys, values and kept queries."""
        kept = sum(tensor.nbytes for tensor in self.queries.values())
        return kept + sum(tensor.nbytes for pair in self.layers for tensor in pair)


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A full-attention cache layer with room at its end, so that appending a key does not copy the others."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, room: int, device: torch.device) -> None:
        super().__init__()
        self.length = keys.shape[2]
        self.key_buffer, self.value_buffer = _with_room(keys, room, device), _with_room(values, room, device)
        self.dtype, self.device, self.is_initialized = keys.dtype, device, True
        self._show()

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append ``(1, Hkv, n, d)`` keys and values and return all of them."""
        end = self.length + key_states.shape[2]
        if end > self.key_buffer.shape[2]:
            self.key_buffer = _with_room(self.key_buffer, end, self.key_buffer.device)
            self.value_buffer = _with_room(self.value_buffer, end, self.value_buffer.device)
        self.key_buffer[:, :, self.length : end] = key_states
        self.value_buffer[:, :, self.length : end] = value_states
        self.length = end
        self._show()
        return self.keys, self.values

    def _show(self) -> None:
        self.keys = self.key_buffer[:, :, : self.length]
        self.values = self.value_buffer[:, :, : self.length]


def _with_room(states: torch.Tensor, room: int, device: torch.device) -> torch.Tensor:
    batch, heads, length, head_dim = states.shape
    buffer = torch.empty(batch, heads, length + room, head_dim, dtype=states.dtype, device=device)
    buffer[:, :, :length] = states
    return buffer


def take_snapshot(cache: DynamicCache, length: int, queries: Mapping[int, torch.Tensor]) -> PrefixSnapshot:
    """Return the content of a cache on the CPU, without copying where it lies there already."""
    layers = tuple((layer.keys.cpu(), layer.values.cpu()) for layer in cache.layers)
    return PrefixSnapshot(length, layers, {index: tensor.cpu() for index, tensor in queries.items()})


def new_cache(config: Any) -> DynamicCache:
    """Return an empty cache for a model.

    Raises:
        ModelError: A layer keeps something else than keys and values, so its prefix cannot be kept.
    """
    cache = DynamicCache(config=config)
    for index, layer in enumerate(cache.layers):
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise ModelError(
                f"Layer {index} of this {config.model_type} model keeps a {type(layer).__name__}, not keys and values, "
                "so its prefix cannot be kept and the model cannot run sparsely."
            )
    return cache


def restore(snapshot: PrefixSnapshot, config: Any, room: int, device: torch.device) -> DynamicCache:
    """Return a cache that holds a copy of the prefix, with room for so many more keys."""
    cache = new_cache(config)
    for index, (keys, values) in enumerate(snapshot.layers):
        layer = cache.layers[index]
        if isinstance(layer, DynamicSlidingWindowLayer):
            layer.lazy_initialization(keys.to(device), values.to(device))
            layer.keys, layer.values = keys.to(device, copy=True), values.to(device, copy=True)
            layer.cumulative_length = snapshot.length
        else:
            cache.layers[index] = RoomyLayer(keys, values, room, device)
    return cache


@dataclass
class SnapshotStore:
    """Snapshots as safetensors files that all workers of a machine share through its page cache."""

    directory: Path
    max_bytes: int = MAX_STORE_BYTES
    opened: dict[str, PrefixSnapshot] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.directory / f"{key}-{SCHEMA_VERSION}.safetensors"

    def get(self, key: str) -> PrefixSnapshot | None:
        """Return a snapshot that was put, by any process, or None."""
        if key not in self.opened:
            # Another process may make room for its own at any moment.
            with suppress(FileNotFoundError):
                _mark_used(self.path(key))
                self.opened[key] = _read(self.path(key))
        return self.opened.get(key)

    def put(self, key: str, snapshot: PrefixSnapshot) -> bool:
        """Write a snapshot unless the store or the disk is too full for it; return whether it was written."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._make_room(snapshot.num_bytes):
            return False
        tensors = {}
        for index, (keys, values) in enumerate(snapshot.layers):
            tensors[f"{index}.keys"], tensors[f"{index}.values"] = keys.contiguous(), values.contiguous()
        tensors |= {f"{index}.queries": queries.contiguous() for index, queries in snapshot.queries.items()}
        header = {"schema_version": SCHEMA_VERSION, "length": snapshot.length, "layers": len(snapshot.layers)}
        part = self.path(key).with_suffix(f".{os.getpid()}.part")
        save_file(tensors, part, metadata={"sparse_hub": json.dumps(header)})
        _mark_used(part)
        part.replace(self.path(key))
        return True

    def _make_room(self, num_bytes: int) -> bool:
        """Delete what earlier runs left, the oldest first; this run's own snapshots are all needed again."""
        files = sorted(_sizes(self.directory))
        total = sum(size for _, size, _ in files)
        for touched, size, path in files:
            cut_off = path.suffix == ".part"
            if touched >= self.started or (total + num_bytes <= self.max_bytes and not cut_off):
                continue
            path.unlink(missing_ok=True)
            total -= size
        free = shutil.disk_usage(self.directory).free
        return total + num_bytes <= self.max_bytes and num_bytes <= free * KEPT_FREE


def _mark_used(path: Path) -> None:
    # The kernel's own time stamps lag behind the clock that ``started`` was read from.
    now = time.time()
    os.utime(path, (now, now))


def _sizes(directory: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each file was last used, its size and its path."""
    for path in directory.iterdir():
        with suppress(FileNotFoundError):
            status = path.stat()
            yield status.st_mtime, status.st_size, path


def _read(path: Path) -> PrefixSnapshot:
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["sparse_hub"])
        layers = tuple(
            (file.get_tensor(f"{index}.keys"), file.get_tensor(f"{index}.values")) for index in range(header["layers"])
        )
        kept = {name.partition(".")[0]: name for name in file.keys() if name.endswith(".queries")}  # noqa: SIM118
        queries = {int(index): file.get_tensor(name) for index, name in kept.items()}
    return PrefixSnapshot(header["length"], layers, queries)
