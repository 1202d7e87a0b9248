"""The kit's own masker: keys that are known beforehand, for other maskers to stand behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge

from sparse_hub_core.attention.layer import Layer
from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.masker import Masker, MaskerConfig

Count = Annotated[int, Ge(0)]


@dataclass(frozen=True)
class GivenConfig(MaskerConfig):
    """The first keys, the last keys of each query, and every ``stride``-th key by its index."""

    first: Count = 0
    last: Count = 0
    stride: Count = 0
    stage: Literal["prefill", "decode"] = "decode"

    def create_masker(self) -> Given:
        """Return the masker."""
        return Given(self) if self.stage == "decode" else GivenInPrefill(self)


class Given(Masker):
    """Adds the keys."""

    def __init__(self, config: GivenConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add them as slices and by index."""
        mask = mask.with_prefix(self.config.first).with_window(self.config.last)
        if not self.config.stride:
            return mask
        keys = torch.arange(0, mask.num_keys, self.config.stride, device=mask.device)
        return mask.with_keys(keys.expand(mask.batch_size, mask.num_kv_heads, mask.num_queries, -1))


class GivenInPrefill(Given):
    """Adds them to the prefix's own queries."""

    stage: ClassVar[Literal["prefill", "decode"]] = "prefill"
