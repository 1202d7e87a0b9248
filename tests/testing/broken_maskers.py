"""A good masker of each kind, and for every check of the kit one that breaks it, in one small way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Le

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    choice,
    draw_keys,
    loguniform,
    random_ranks,
    resolve_size,
)
from sparse_hub_core.space import Real

ConfigClass = type[MaskerConfig]
BROKEN: dict[str, list[tuple[ConfigClass, Any]]] = {}
"""Check -> config classes that fail it, each with its role."""


def breaks(*checks: str, role: str = "selector") -> Callable[[ConfigClass], ConfigClass]:
    def register(config_class: ConfigClass) -> ConfigClass:
        frozen = dataclass(frozen=True)(config_class)
        for check in checks:
            BROKEN.setdefault(check, []).append((frozen, role))
        return frozen

    return register


class SmallKeys(Masker):
    """A selector that passes every check: the keys of the smallest norm, which its index holds."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        layer.state["norms"] = GrowingTensor(layer.keys.norm(dim=-1))

    def on_append(self, layer: Layer, start: int) -> None:
        layer.state["norms"].append(layer.keys[:, :, start:].norm(dim=-1))

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return mask.with_top_keys(self.scores(layer, queries, mask), self.count(mask))

    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        norms = layer.state["norms"].tensor.float()
        return -norms[:, :, None].repeat(1, 1, mask.num_queries, 1)

    def count(self, mask: Mask) -> int:
        return resolve_size(self.config.heavy_size, mask.num_keys)


@dataclass(frozen=True)
class SmallKeysConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "heavy_size"
    masker: ClassVar[type[Masker]] = SmallKeys

    heavy_size: Size = 0.25

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavy_size": loguniform(0.01, 0.5)}

    def infeasible_because(self, num_keys: int) -> str | None:
        return "it covers all keys" if resolve_size(self.heavy_size, num_keys) >= num_keys else None

    def max_keys(self, num_keys: int) -> int | None:
        return resolve_size(self.heavy_size, num_keys)

    def index_bits_per_key(self, head_dim: int) -> float:
        return 16.0


class Sampler(Masker):
    """A sampler that passes every check."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        population = mask.num_unread()
        counts = (population * self.config.rate).long().clamp_min(1).minimum(population)
        draws = draw_keys(self.seed(), layer.index, mask.num_query_heads, mask.query_positions)
        indices = mask.nth_unread(random_ranks(population, 0, int(counts.max()), draws))
        real = torch.arange(indices.shape[-1]) < counts[..., None]
        return mask.with_keys(indices, torch.where(real, self.probability(counts, population)[..., None], 0.0))

    def seed(self) -> int:
        return int(self.config.seed)

    def probability(self, counts: torch.Tensor, population: torch.Tensor) -> torch.Tensor:
        return counts / population.clamp_min(1)


@dataclass(frozen=True)
class SamplerConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "rate"
    samples: ClassVar[bool] = True
    masker: ClassVar[type[Masker]] = Sampler

    rate: Annotated[float, Ge(0), Le(1)] = 0.25
    seed: int = 0

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]


class Thinning(Masker):
    """A restricting masker that passes every check: of the chosen keys it keeps those of the smallest norm."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        if mask.indices is None:
            return mask
        norms = layer.keys.norm(dim=-1).repeat_interleave(mask.num_query_heads // mask.indices.shape[1], 1)
        norms = norms[:, : mask.indices.shape[1], None].expand(-1, -1, mask.num_queries, -1)
        return mask.only_chosen(norms.gather(3, mask.indices) <= 4 + 60 * self.config.share**4)


@dataclass(frozen=True)
class ThinningConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "share"
    masker: ClassVar[type[Masker]] = Thinning

    share: Annotated[float, Ge(0), Le(1)] = 0.4

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]

    def max_keys(self, num_keys: int) -> int | None:
        return 0


class LastBlocks(Masker):
    """A masker of the prefix's own queries that passes every check: each block of queries and those right before."""

    stage: ClassVar[Literal["prefill", "decode"]] = "prefill"
    size = 64

    def __init__(self, config: Any) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        blocks = -(-mask.num_keys // self.size)
        near = torch.ones(blocks, blocks, dtype=torch.bool).triu(1 - max(1, int(self.config.share * blocks)))
        return mask.with_blocks(self.size, near.expand(mask.batch_size, mask.num_kv_heads, -1, -1))


@dataclass(frozen=True)
class LastBlocksConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "share"
    masker: ClassVar[type[Masker]] = LastBlocks

    share: Annotated[float, Ge(0), Le(1)] = 0.3

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]


GOOD: dict[str, tuple[ConfigClass, Any]] = {
    "selector": (SmallKeysConfig, "selector"),
    "sampler": (SamplerConfig, "selector"),
    "restricting": (ThinningConfig, "restrict"),
    "prefill": (LastBlocksConfig, "prefill"),
}


# Configuration


@breaks("unknown_keys_raise")
class TakesAnything(SmallKeysConfig):
    @classmethod
    def from_parameters(cls, parameters: Any) -> Any:
        return cls(**{name: value for name, value in parameters.items() if name == "heavy_size"})


@breaks("fields_are_frozen")
class HoldsAList(SmallKeysConfig):
    layers: list[int] = dataclasses.field(default_factory=list)


@breaks("copies_are_equal")
class CopiesItsDefaults(SmallKeysConfig):
    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)()


class CountsDown(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        object.__setattr__(self.config, "heavy_size", self.config.heavy_size - 1)
        return super().add_mask(layer, queries, mask)


@breaks("running_leaves_the_config")
class ChangesItself(SmallKeysConfig):
    masker = CountsDown


@breaks("missing_files_are_named")
class ReadsItsFileLate(SmallKeysConfig):
    file_fields = ("weights",)
    weights: str | None = None


@breaks("known_failures_have_reasons")
class ExcusesAMissingCheck(SmallKeysConfig):
    known_failures = {"is_perfect": "nobody is perfect, and this check is not there"}  # noqa: RUF012


# Search space


@breaks("space_names_fields")
class MisspellsItsField(SmallKeysConfig):
    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavysize": choice([1, 2])}


@breaks("space_points_construct")
class SearchesBeyondItsRange(SmallKeysConfig):
    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavy_size": loguniform(0.5, 1.5)}


@breaks("space_converts_to_searchers")
class SearchesFromZero(SmallKeysConfig):
    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavy_size": Real(0.0, 0.5, log=True)}


@breaks("feasible_somewhere")
class WantsFewKeys(SmallKeysConfig):
    def infeasible_because(self, num_keys: int) -> str | None:
        return f"{num_keys} keys are too many" if num_keys > 100_000 else None


@breaks("infeasible_says_why")
class SaysNo(SmallKeysConfig):
    def infeasible_because(self, num_keys: int) -> Any:
        return "no" if num_keys < 8 else None


# Across processes


@breaks("json_round_trip")
class TellsOnlySome(SmallKeysConfig):
    def parameters(self) -> dict[str, Any]:
        return {}


@breaks("identity_is_stable")
class IdentifiesByHash(SmallKeysConfig):
    def identity(self) -> dict[str, Any]:
        return {"hash": hash(str(self.heavy_size))}


class SeededByHash(Sampler):
    def seed(self) -> int:
        return hash("this masker") % 2**32


@breaks("same_mask_in_another_process")
class DrawsByHash(SamplerConfig):
    masker = SeededByHash


# Tensors


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


# Causality


class MeanQuery(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        mean = queries.view(mask.batch_size, mask.num_kv_heads, -1, *queries.shape[2:]).mean((2, 3))
        return (layer.keys @ mean[..., None]).transpose(2, 3).repeat(1, 1, mask.num_queries, 1)


@breaks("future_changes_nothing")
class AveragesLaterQueries(SmallKeysConfig):
    masker = MeanQuery


class BySum(LastBlocks):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        blocks = -(-mask.num_keys // self.size)
        best = layer.keys.sum((2, 3)).argsort(-1)[:, :, None, None] * 2 + torch.arange(2)
        near = torch.eye(blocks, dtype=torch.bool).expand(mask.batch_size, mask.num_kv_heads, -1, -1)
        return mask.with_blocks(self.size, near | (torch.arange(blocks) == best % blocks).any(-1, keepdim=True))


@breaks("future_changes_nothing", role="prefill")
class LooksAhead(LastBlocksConfig):
    masker = BySum


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


class BatchMean(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        scores = super().scores(layer, queries, mask)
        return scores.mean(0, keepdim=True).expand_as(scores).clone()


@breaks("batch_rows_are_independent")
class AveragesTheBatch(SmallKeysConfig):
    masker = BatchMean


# State


class IndexesAllAgain(SmallKeys):
    def on_append(self, layer: Layer, start: int) -> None:
        self.on_prefill(layer)


@breaks("appending_leaves_old_keys_alone")
class RebuildsItsIndex(SmallKeysConfig):
    masker = IndexesAllAgain


class KeepsTheFirst(SmallKeys):
    norms: GrowingTensor | None = None

    def on_prefill(self, layer: Layer) -> None:
        if self.norms is None:
            self.norms = GrowingTensor(layer.keys.norm(dim=-1))
        layer.state["norms"] = self.norms


@breaks("reset_forgets_the_sequence")
class RemembersTheFirstSequence(SmallKeysConfig):
    masker = KeepsTheFirst


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


# Stacks


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


# Budget


class OneMore(SmallKeys):
    def count(self, mask: Mask) -> int:
        return super().count(mask) + 1


@breaks("keeps_its_bound")
class ReadsOneMore(SmallKeysConfig):
    masker = OneMore


class TheOthers(SmallKeys):
    def count(self, mask: Mask) -> int:
        return mask.num_keys - super().count(mask)


@breaks("density_grows_with_the_budget")
class ReadsTheOthers(SmallKeysConfig):
    masker = TheOthers


class HalfAtMost(SmallKeys):
    def count(self, mask: Mask) -> int:
        return min(super().count(mask), mask.num_keys // 2)


@breaks("full_budget_is_dense")
class ReadsHalfAtMost(SmallKeysConfig):
    masker = HalfAtMost


@breaks("probabilities_are_probabilities")
class SamplesInSecret(SamplerConfig):
    samples = False


@breaks("index_is_as_large_as_declared")
class SaysItsIndexIsSmall(SmallKeysConfig):
    def index_bits_per_key(self, head_dim: int) -> float:
        return 4.0


# Randomness


class GlobalDraws(Sampler):
    def seed(self) -> int:
        return int(torch.randint(2**31, ()))


@breaks("the_same_call_gives_the_same", "global_randomness_is_left_alone")
class DrawsFromTheGlobalState(SamplerConfig):
    masker = GlobalDraws


class OneSeed(Sampler):
    def seed(self) -> int:
        return 7


@breaks("another_seed_draws_others")
class IgnoresItsSeed(SamplerConfig):
    masker = OneSeed


class WithReplacement(Sampler):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        generator = torch.Generator().manual_seed(self.seed())
        population = mask.num_unread()
        count = max(1, int(population.max() * self.config.rate))
        ranks = torch.rand(*population.shape, count, generator=generator) * population[..., None]
        drawn = torch.zeros((*population.shape, mask.num_keys), dtype=torch.bool)
        drawn.scatter_(3, mask.nth_unread(ranks.long()), True)
        keys = torch.arange(mask.num_keys).expand(drawn.shape)
        return mask.with_keys(keys, torch.where(drawn & mask.unread(), self.config.rate, 0.0))


@breaks("weights_are_unbiased")
class DrawsWithReplacement(SamplerConfig):
    masker = WithReplacement


class Certain(Sampler):
    def probability(self, counts: torch.Tensor, population: torch.Tensor) -> torch.Tensor:
        return torch.ones(population.shape)


@breaks("mean_over_seeds_is_dense")
class WeighsSamplesAsCertain(SamplerConfig):
    masker = Certain
