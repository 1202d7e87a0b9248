"""Maskers whose memory is not that of one layer of one sequence, and stacks that lose keys."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from breaking import breaks
from good_maskers import (
    SmallKeys,
    SmallKeysConfig,
    Thinning,
    ThinningConfig,
)

from sparse_hub_core import (
    GrowingTensor,
    Layer,
    Mask,
)


class IndexesAllAgain(SmallKeys):
    def on_append(self, layer: Layer, start: int) -> None:
        self.on_prefill(layer)


@breaks("appending_leaves_old_keys_alone")
class RebuildsItsIndex(SmallKeysConfig):
    masker = IndexesAllAgain


class MeasuresFromItsFirstKey(SmallKeys):
    origin: torch.Tensor | None = None

    def on_prefill(self, layer: Layer) -> None:
        if self.origin is None:
            self.origin = layer.keys[:, :, :1]
        layer.state["norms"] = GrowingTensor((layer.keys - self.origin).norm(dim=-1))

    def on_append(self, layer: Layer, start: int) -> None:
        layer.state["norms"].append((layer.keys[:, :, start:] - self.origin).norm(dim=-1))


@breaks("reset_forgets_the_sequence")
class RemembersTheFirstSequence(SmallKeysConfig):
    masker = MeasuresFromItsFirstKey


class KeepsOnItself(SmallKeys):
    norms = torch.zeros(0)

    def on_prefill(self, layer: Layer) -> None:
        self.norms = layer.keys.norm(dim=-1)

    def on_append(self, layer: Layer, start: int) -> None:
        self.norms = torch.cat([self.norms[..., :start], layer.keys[:, :, start:].norm(dim=-1)], dim=-1)

    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        return -self.norms[:, :, None].repeat(1, 1, mask.num_queries, 1)


@breaks("two_layers_do_not_mix")
class KeepsStateOnItself(SmallKeysConfig):
    masker = KeepsOnItself


class KeepsForAll(SmallKeys):
    shared: ClassVar[dict[int, GrowingTensor]] = {}

    def on_prefill(self, layer: Layer) -> None:
        self.shared[layer.index] = GrowingTensor(layer.keys.norm(dim=-1))

    def on_append(self, layer: Layer, start: int) -> None:
        self.shared[layer.index].append(layer.keys[:, :, start:].norm(dim=-1))
        layer.state["norms"] = self.shared[layer.index]


@breaks("two_sequences_do_not_mix")
class SharesItsState(SmallKeysConfig):
    masker = KeepsForAll


class CentredOnFirstEver(SmallKeys):
    centers: ClassVar[list[torch.Tensor]] = []

    def on_prefill(self, layer: Layer) -> None:
        self.centers.append(layer.keys[:1].mean(2, keepdim=True))
        layer.state["norms"] = GrowingTensor((layer.keys - self.centers[0]).norm(dim=-1))

    def on_append(self, layer: Layer, start: int) -> None:
        layer.state["norms"].append((layer.keys[:, :, start:] - self.centers[0]).norm(dim=-1))


@breaks("same_mask_in_another_process")
class LearnsFromTheFirstSequenceEver(SmallKeysConfig):
    masker = CentredOnFirstEver


class StartsOver(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        empty = dataclasses.replace(mask, prefix=0, window=0, indices=None, probabilities=None)
        return super().add_mask(layer, queries, empty)


@breaks("keeps_what_is_read", "dense_stays_dense")
class ForgetsTheStack(SmallKeysConfig):
    masker = StartsOver


class ChosenOnly(Thinning):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return dataclasses.replace(super().add_mask(layer, queries, mask), prefix=0, window=0)


@breaks("keeps_what_is_read", role="restrict")
class RestrictsSinks(ThinningConfig):
    masker = ChosenOnly


class ReadsNothing(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return dataclasses.replace(mask, prefix=0, window=0, indices=None, probabilities=None)


@breaks("rows_keep_a_key", "density_is_a_share")
class LeavesRowsEmpty(SmallKeysConfig):
    masker = ReadsNothing


@breaks("restricting_adds_nothing", role="restrict")
class RestrictsByAdding(SmallKeysConfig):
    pass


class Twice(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        keys = self.scores(layer, queries, mask).topk(min(4, mask.num_keys), dim=-1).indices
        return mask.with_keys(torch.cat([keys, keys], dim=-1))


@breaks("keys_stand_once")
class ChoosesTwice(SmallKeysConfig):
    masker = Twice
