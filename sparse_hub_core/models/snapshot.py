"""Prefix snapshots: the keys and values of a dense prefix, made once and restored by copying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from sparse_hub_core.errors import ModelError
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.tensor_store import TensorStore


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


@dataclass(frozen=True)
class ModelFiles:
    """What is kept of one model on this machine's disk."""

    store: TensorStore
    model_key: str = ""
    """The model's content, device, precision and the software that runs it."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What a listing says of the files, such as the model's name and the task."""

    def save_prefix(self, prompt: Prompt, snapshot: PrefixSnapshot) -> bool:
        """Write the snapshot of a prompt's prefix; return whether there was room for it."""
        tensors = {}
        for index, (keys, values) in enumerate(snapshot.layers):
            tensors[f"{index}.keys"], tensors[f"{index}.values"] = keys, values
        tensors |= {f"{index}.queries": queries for index, queries in snapshot.queries.items()}
        header = {**self.about, "kind": "prefix", "length": snapshot.length, "layers": len(snapshot.layers)}
        return self.store.put(self.prefix_key(prompt), tensors, header)

    def load_prefix(self, prompt: Prompt) -> PrefixSnapshot | None:
        """Return the snapshot that any process of the machine has written, or None."""
        found = self.store.get(self.prefix_key(prompt))
        if found is None:
            return None
        tensors, num_layers = found.tensors, range(found.header["layers"])
        layers = tuple((tensors[f"{index}.keys"], tensors[f"{index}.values"]) for index in num_layers)
        queries = {index: tensors[f"{index}.queries"] for index in num_layers if f"{index}.queries" in tensors}
        return PrefixSnapshot(found.header["length"], layers, queries)

    def prefix_key(self, prompt: Prompt) -> str:
        """Return the key of a prompt's prefix, which all questions about one context share."""
        return f"{self.model_key}-{prompt.prefix_key}"
