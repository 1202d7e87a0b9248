"""Layers that stay dense: many methods leave the first ones alone, where attention is spread over all keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge

from sparse_hub_core import Domain, Layer, Mask, Masker, MaskerConfig, integer

LayerIndex = Annotated[int, Ge(0)]


@dataclass(frozen=True)
class DenseLayersConfig(MaskerConfig):
    """The first ``first`` layers, and those of ``also``, read every key; in the others this masker adds nothing.

    It stands anywhere in a stack: where a layer is dense, no masker of the stack is asked, hashes or scores anything
    there. Quest keeps the first two layers dense (https://arxiv.org/abs/2406.10774), MagicPIG the layers 0, 16, 32
    and 48 (https://arxiv.org/abs/2410.16179). Dense layers count in density and error. It keeps no state.
    """

    first: LayerIndex = 2
    also: tuple[LayerIndex, ...] = ()

    def create_masker(self) -> DenseLayers:
        """Return the masker."""
        return DenseLayers(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return up to the two layers that the papers keep dense."""
        return {"first": integer(0, 2)}


class DenseLayers(Masker):
    """Names the dense layers."""

    adds_keys: ClassVar[bool] = False

    def __init__(self, config: DenseLayersConfig) -> None:
        self.config = config

    def reads_everything(self, layer_index: int) -> bool:
        """Return whether the layer is one of the dense ones."""
        return layer_index < self.config.first or layer_index in self.config.also

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add nothing: only layers that are not dense ask for a mask."""
        return mask
