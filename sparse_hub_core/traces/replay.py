"""Replay: a configuration's error and density on recorded queries, keys and values, without the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from sparse_hub_core.attention.layer import Prefix as KnownPrefix
from sparse_hub_core.attention.metrics import attention_error
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.traces.on_device import DeviceLayer, to_device
from sparse_hub_core.traces.plan import FIRST_LAYERS, MIN_LAYERS, stratified
from sparse_hub_core.traces.trace import Trace

SUBSET_SHARE = 0.25
SUBSET_QUESTION_POSITIONS = 8
"""Of the question; a subset keeps every position of the answer."""


@dataclass(frozen=True)
class Replayed:
    """Sums over the rows of one or more replays, of which means and shares are made."""

    error: float = 0.0
    weight: float = 0.0
    read: float = 0.0
    rows_read: float = 0.0
    legal: float = 0.0
    """Pairs of a query and a key that it may read, per head."""

    def __add__(self, other: Replayed) -> Replayed:
        return Replayed(
            self.error + other.error,
            self.weight + other.weight,
            self.read + other.read,
            self.rows_read + other.rows_read,
            self.legal + other.legal,
        )

    @property
    def mean_error(self) -> float:
        """The mean error over layers, heads and positions."""
        return self.error / self.weight

    @property
    def density(self) -> float:
        """The share of the legal pairs that was read."""
        return self.read / self.legal

    @property
    def io_density(self) -> float:
        """The share of a dense step's bytes that was read."""
        return self.rows_read / self.legal


@dataclass(frozen=True)
class Sample:
    """The layers that are replayed, each with the number of layers it stands for, and the positions of the question."""

    layer_weights: Mapping[int, float]
    question_positions: int | None = None
    """Its last ones; all by default."""


def whole(trace: Trace, layers: Sequence[int]) -> Sample:
    """Return everything that was recorded, standing for all of a model's layers."""
    return Sample(_layer_weights(sorted(trace.layers), layers))


def subset(trace: Trace, layers: Sequence[int]) -> Sample:
    """Return a stratified quarter of a model's layers, as far as recorded, and the last positions of the question."""
    chosen = stratified(sorted(trace.layers), max(MIN_LAYERS, round(SUBSET_SHARE * len(layers))))
    return Sample(_layer_weights(chosen, layers), SUBSET_QUESTION_POSITIONS)


def _layer_weights(chosen: Sequence[int], layers: Sequence[int]) -> dict[int, float]:
    """Return how many of the layers each chosen one stands for; the first ones and the last are like no other."""
    between = layers[FIRST_LAYERS:-1]
    stand_for_others = [layer for layer in chosen if layer in between]
    stands_for = len(between) / len(stand_for_others) if stand_for_others else 1.0
    return {layer: stands_for if layer in between else 1.0 for layer in chosen}


def replay(trace: Trace, attention: SparseAttention, sample: Sample, device: torch.device) -> Replayed:
    """Return what a configuration reads and misses on a trace."""
    return replay_each(trace, [attention], sample, device, lambda index: to_device(trace, index, device))[0]


def replay_each(
    trace: Trace,
    attentions: Sequence[SparseAttention],
    sample: Sample,
    device: torch.device,
    layer_of: Callable[[int], DeviceLayer],
) -> list[Replayed]:
    """Return what each of some configurations reads and misses on a trace, whose layers are fetched once for all."""
    totals = [Replayed()] * len(attentions)
    for index, weight in sample.layer_weights.items():
        row_weights = weight * _row_weights(trace, index, sample.question_positions).to(device)
        layer = layer_of(index)
        for which, attention in enumerate(attentions):
            totals[which] += _replay_layer(layer, trace.prefix_length, index, attention, row_weights)
    for attention in attentions:
        attention.reset()
    return totals


def _row_weights(trace: Trace, layer: int, question_positions: int | None) -> torch.Tensor:
    """Return how many positions each replayed row stands for, ``(n,)``; those left out were of the question."""
    recorded = trace.layers[layer]
    answered = recorded.keys.shape[2] - trace.num_question_positions
    asked = recorded.queries.shape[2] - answered
    if asked <= 0:
        return torch.ones(recorded.queries.shape[2])
    kept = asked if question_positions is None else min(asked, question_positions)
    stands_for = trace.num_question_positions / kept
    return torch.cat([torch.full((kept,), stands_for), torch.ones(answered)])


def _replay_layer(
    layer: DeviceLayer, prefix_length: int, index: int, attention: SparseAttention, row_weights: torch.Tensor
) -> Replayed:
    queries, outputs = (rowed[:, :, -len(row_weights) :] for rowed in (layer.queries, layer.outputs))
    known = KnownPrefix(prefix_length, layer.prefix_queries)
    result = attention.attend(queries, layer.keys, layer.values, layer.scoring, None, index, known)
    attention.forget(index)
    errors = attention_error(result.output, outputs)
    legal = result.num_legal.expand_as(result.num_read)
    heads_of_rows = errors.shape[0] * errors.shape[1]
    share_read = (result.mask.rows_read() / result.num_legal).mean(dim=(0, 1)) + result.selector_share
    return Replayed(
        float((errors * row_weights).sum()),
        float(row_weights.sum()) * heads_of_rows,
        float((result.num_read * row_weights).sum()),
        float((share_read * legal.sum(dim=(0, 1)) * row_weights).sum()),
        float((legal * row_weights).sum()),
    )


def spread(items: Sequence[int], count: int) -> list[int]:
    """Return so many of some items, evenly spread; all where there are no more."""
    if count >= len(items):
        return list(items)
    return [items[int((index + 0.5) * len(items) / count)] for index in range(count)]
