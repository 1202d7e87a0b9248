"""Maskers that trip over shapes, or whose rows depend on what they must not see."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le
from breaking import breaks
from good_maskers import (
    LastBlocks,
    LastBlocksConfig,
    SmallKeys,
    SmallKeysConfig,
)

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    choice,
)


class Float32Only(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        weights = layer.keys @ torch.ones(layer.keys.shape[-1], 1)
        return super().scores(layer, queries, mask) + weights.transpose(2, 3)


@breaks("keeps_shape_and_dtype")
class MixesDtypes(SmallKeysConfig):
    masker = Float32Only


class AlwaysTakesEight(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return mask.with_keys(self.scores(layer, queries, mask).topk(8, dim=-1).indices)


@breaks("takes_every_length")
class NeedsEightKeys(SmallKeysConfig):
    masker = AlwaysTakesEight


class ScalesInPlace(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        queries.mul_(layer.scaling)
        return super().add_mask(layer, queries, mask)


@breaks("leaves_inputs_alone")
class ChangesQueries(SmallKeysConfig):
    masker = ScalesInPlace


class Relative(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        norms = -self.scores(layer, queries, mask)
        keys = torch.arange(mask.num_keys).expand_as(norms)
        return mask.with_keys(keys, norms / norms.amax(-1, keepdim=True))


@breaks("stays_finite")
class DividesByNorms(SmallKeysConfig):
    samples = True
    masker = Relative


class Strided(Masker):
    def __init__(self, config: Any) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        keys = torch.arange(0, mask.num_keys, self.config.stride)
        return mask.with_keys(keys.expand(mask.batch_size, mask.num_kv_heads, mask.num_queries, -1))


@breaks("every_setting_runs")
class SearchesNoStride(MaskerConfig):
    stride: Annotated[int, Ge(0)] = 4

    def create_masker(self) -> Any:
        return Strided(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"stride": choice([4, 2, 0])}


class MeanQuery(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        mean = queries.view(mask.batch_size, mask.num_kv_heads, -1, *queries.shape[2:]).mean((2, 3))
        return (layer.keys @ mean[..., None]).transpose(2, 3).repeat(1, 1, mask.num_queries, 1)


@breaks("future_changes_nothing")
class AveragesLaterQueries(SmallKeysConfig):
    masker = MeanQuery


class ByTheLastKeys(LastBlocks):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        blocks = -(-mask.num_keys // self.size)
        first, last = (layer.keys[:, :, part].norm(dim=(2, 3)) for part in (slice(self.size), slice(-self.size, None)))
        sink = (last > first)[:, :, None, None] & (torch.arange(blocks) == 0)
        return mask.with_blocks(self.size, torch.eye(blocks, dtype=torch.bool) | sink)


@breaks("future_changes_nothing", role="prefill")
class LooksAhead(LastBlocksConfig):
    masker = ByTheLastKeys


class CentredOnFirstChunk(SmallKeys):
    def on_prefill(self, layer: Layer) -> None:
        layer.state["norms"] = GrowingTensor(layer.keys.norm(dim=-1))
        layer.state["center"] = layer.keys.mean(2, keepdim=True) if layer.keys.shape[2] else None

    def on_append(self, layer: Layer, start: int) -> None:
        if layer.state["center"] is None:
            layer.state["center"] = layer.keys.mean(2, keepdim=True)
        layer.state["norms"].append((layer.keys[:, :, start:] - layer.state["center"]).norm(dim=-1))


@breaks("future_changes_nothing_without_a_prefix")
class CentresOnTheFuture(SmallKeysConfig):
    masker = CentredOnFirstChunk


class ByRow(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        rows = torch.arange(mask.num_queries)[:, None]
        return super().scores(layer, queries, mask) * torch.cos(torch.arange(mask.num_keys) + rows)


@breaks("chunks_equal_single_steps")
class CountsRowsOfACall(SmallKeysConfig):
    masker = ByRow


class CountsSequences(SmallKeys):
    sequences = 0

    def on_prefill(self, layer: Layer) -> None:
        super().on_prefill(layer)
        self.sequences += 1
        layer.state["sign"] = (-1) ** self.sequences

    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        return super().scores(layer, queries, mask) * layer.state["sign"]


@breaks("padding_changes_nothing")
class TreatsSequencesByNumber(SmallKeysConfig):
    masker = CountsSequences


class AllowsAll(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return super().add_mask(layer, queries, dataclasses.replace(mask, allowed=None))


@breaks("forbidden_keys_stay_unread")
class ReadsForbiddenKeys(SmallKeysConfig):
    masker = AllowsAll


class SharesByHand(SmallKeys):
    def count(self, mask: Mask) -> int:
        return max(1, int(self.config.share * mask.num_keys))


@breaks("chunks_equal_single_steps")
class TypesItsShareAsFloat(MaskerConfig):
    budget_field = "share"
    share: Annotated[float, Gt(0), Le(1)] = 0.25

    def create_masker(self) -> Any:
        return SharesByHand(self)


class BatchMean(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        scores = super().scores(layer, queries, mask)
        return scores.mean(0, keepdim=True).expand_as(scores).clone()


@breaks("batch_rows_are_independent")
class AveragesTheBatch(SmallKeysConfig):
    masker = BatchMean


class TheOtherGroup(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        # Tiled where each KV head's scores should be repeated.
        shared = mask.num_query_heads // mask.num_kv_heads
        return super().scores(layer, queries, mask).repeat(1, shared, 1, 1)


@breaks("groups_are_independent")
class MixesUpKvHeads(SmallKeysConfig):
    masker = TheOtherGroup
