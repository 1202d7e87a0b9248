"""Driving a masker by hand, to see what it keeps; ``SparseAttention`` does the same and keeps it to itself."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from sparse_hub_core.attention.growing import GrowingTensor
from sparse_hub_core.attention.layer import OBSERVED_QUERIES, Layer
from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import Tensors


def prefilled(subject: Subject, config: MaskerConfig, tensors: Tensors, length: int) -> Layer:
    """Return the layer of a sequence whose prefix has so many keys."""
    layer = Layer(
        subject.layer,
        tensors.keys[:, :, :length],
        tensors.values[:, :, :length],
        tensors.keys.shape[-1] ** -0.5,
        prefix_queries=tensors.queries[:, :, max(0, length - OBSERVED_QUERIES) : length],
    )
    config.create_masker().on_prefill(layer)
    return layer


def appended(config: MaskerConfig, layer: Layer, tensors: Tensors, start: int) -> Layer:
    """Return a copy of the layer after all keys from ``start`` on were appended."""
    after = dataclasses.replace(layer, keys=tensors.keys, values=tensors.values, state=copy.deepcopy(layer.state))
    config.create_masker().on_append(after, start)
    return after


def step(subject: Subject, config: MaskerConfig, layer: Layer, tensors: Tensors, start: int) -> None:
    """Append all keys from ``start`` on, and ask for a mask of their queries."""
    layer.keys, layer.values = tensors.keys, tensors.values
    config.create_masker().on_append(layer, start)
    masked(subject, config, layer, tensors.queries[:, :, start:])


def masked(subject: Subject, config: MaskerConfig, layer: Layer, queries: torch.Tensor) -> Mask:
    """Return the mask of the queries that stand at the layer's last keys."""
    mask = Mask.empty(queries, layer.keys)
    for masker in (before.create_masker() for before in subject.behind(config)):
        mask = masker.add_mask(layer, queries, mask)
    return mask


def tensors_in(state: Any, where: str = "state") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor that is kept, with its place; of growing ones what was appended."""
    if isinstance(state, torch.Tensor):
        yield where, state
    elif isinstance(state, GrowingTensor):
        yield where, state.tensor
    elif isinstance(state, Mapping):
        for key, value in state.items():
            yield from tensors_in(value, f"{where}[{key!r}]")
    elif isinstance(state, (list, tuple)):
        for index, value in enumerate(state):
            yield from tensors_in(value, f"{where}[{index}]")
    elif hasattr(state, "__dict__"):
        for key, value in vars(state).items():
            yield from tensors_in(value, f"{where}.{key}")
