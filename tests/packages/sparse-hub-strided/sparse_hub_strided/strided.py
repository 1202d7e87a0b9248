"""The one file of the method."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge

from sparse_hub_core import Layer, Mask, Masker, MaskerConfig, choice, integer


@dataclass(frozen=True)
class StridedConfig(MaskerConfig):
    """Every ``stride``-th key, from key ``offset`` on."""

    stride: Annotated[int, Ge(1)] = 8
    offset: Annotated[int, Ge(0)] = 0

    def create_masker(self):
        return Strided(self)

    @staticmethod
    def get_search_space(task_name):
        return {"stride": choice([2, 4, 8, 16]), "offset": integer(0, 1)}

    def infeasible_because(self, num_keys):
        if self.offset >= num_keys:
            return f"offset {self.offset} lies beyond the context of {num_keys} tokens"
        return None


class Strided(Masker):
    def __init__(self, config: StridedConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        keys = torch.arange(self.config.offset, mask.num_keys, self.config.stride, device=queries.device)
        return mask.with_keys(keys.expand(queries.shape[0], layer.keys.shape[1], queries.shape[2], -1))
