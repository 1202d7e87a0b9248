"""Layers of traces on the device, where those that there is room for stay from one configuration to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.traces.trace import Trace

KEPT_SHARE = 0.5
"""Of the memory that a worker has beside its model; the rest is for what maskers and generation need."""


@dataclass(frozen=True)
class DeviceLayer:
    """One layer of a trace, with the keys and values of prefix, question and answer in one piece."""

    keys: torch.Tensor
    values: torch.Tensor
    queries: torch.Tensor
    outputs: torch.Tensor
    prefix_queries: torch.Tensor | None
    scoring: Scoring

    @property
    def num_bytes(self) -> int:
        """The size of all tensors but a handful of sinks."""
        tensors = (self.keys, self.values, self.queries, self.outputs, self.prefix_queries)
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)


def to_device(trace: Trace, index: int, device: torch.device) -> DeviceLayer:
    """Copy a layer of a trace to a device."""
    layer, prefix = trace.layers[index], trace.prefix[index]
    scoring = layer.scoring
    if scoring.sink_logits is not None:
        scoring = Scoring(scoring.scaling, scoring.softcap, scoring.sink_logits.to(device))
    return DeviceLayer(
        torch.cat([prefix.keys.to(device), layer.keys.to(device)], dim=2),
        torch.cat([prefix.values.to(device), layer.values.to(device)], dim=2),
        layer.queries.to(device),
        layer.outputs.to(device),
        None if prefix.queries is None else prefix.queries.to(device),
        scoring,
    )


@dataclass
class KeptLayers:
    """The first layers that fit; none makes room for others, as every configuration reads all in the same order."""

    max_bytes: int = 0
    num_bytes: int = 0
    layers: dict[tuple[str, int], DeviceLayer] = field(default_factory=dict)

    @classmethod
    def beside(cls, device: torch.device, share: float) -> KeptLayers:
        """Return what may be kept by a worker that has a share of a device and its model on it; nothing on a CPU."""
        if device.type != "cuda":
            # There they are mapped from files, and joining them is a small part of a replay.
            return cls()
        total = torch.cuda.get_device_properties(device).total_memory
        return cls(max(0, int(KEPT_SHARE * (share * total - torch.cuda.memory_allocated(device)))))

    def layer(self, trace: Trace, name: str, index: int, device: torch.device) -> DeviceLayer:
        """Return a layer of the trace of this name, copied only where it is not there yet."""
        place = (name, index)
        if place in self.layers:
            return self.layers[place]
        made = to_device(trace, index, device)
        if self.num_bytes + made.num_bytes <= self.max_bytes:
            self.layers[place] = made
            self.num_bytes += made.num_bytes
        return made

    def clear(self) -> None:
        """Let go of all layers."""
        self.layers.clear()
        self.num_bytes = 0

    def give_way(self) -> bool:
        """Let go of all layers for good where a device has no memory left; return whether there were any."""
        had_any = bool(self.layers)
        self.clear()
        self.max_bytes = 0
        if had_any and torch.cuda.is_available():
            torch.cuda.empty_cache()
        return had_any
