"""Sink tokens: the first keys of a sequence draw much attention whatever they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparse_hub_core import Domain, Layer, Mask, Masker, MaskerConfig, Size, choice, resolve_size


@dataclass(frozen=True)
class SinkMaskerConfig(MaskerConfig):
    """The first ``sink_size`` keys, which draw much attention whatever they say; https://arxiv.org/abs/2309.17453.

    They are read as one slice: choosing costs nothing, and there is no state.
    """

    budget_field: ClassVar[str] = "sink_size"

    sink_size: Size = 128

    def create_masker(self) -> SinkMasker:
        """Return the masker."""
        return SinkMasker(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return from a few tokens to as many as a system prompt."""
        return {"sink_size": choice([4, 16, 64, 128, 256])}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the sinks are the whole context."""
        if isinstance(self.sink_size, int) and self.sink_size >= num_keys:
            return f"sink_size {self.sink_size} covers the whole context of {num_keys} tokens"
        return None

    def max_keys(self, num_keys: int) -> int:
        """Return the number of sinks."""
        return resolve_size(self.sink_size, num_keys)


class SinkMasker(Masker):
    """Adds the first keys as a slice."""

    def __init__(self, config: SinkMaskerConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the first keys; nothing is read to choose them."""
        return mask.with_prefix(resolve_size(self.config.sink_size, mask.num_keys))
