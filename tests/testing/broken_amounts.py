"""Maskers that read other amounts than they say, or draw otherwise."""

from __future__ import annotations

import torch
from breaking import breaks
from good_maskers import (
    Sampler,
    SamplerConfig,
    SmallKeys,
    SmallKeysConfig,
)

from sparse_hub_core import (
    Layer,
    Mask,
    every_key_logits,
)


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


class ByLogits(SmallKeys):
    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        return every_key_logits(layer, queries)


@breaks("unread_keys_are_counted")
class ScoresEveryKeyInSecret(SmallKeysConfig):
    masker = ByLogits


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


class ForgetsWhatIsAppended(Sampler):
    def on_prefill(self, layer: Layer) -> None:
        layer.state["prefix"] = layer.keys.shape[2]

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        indices, probabilities = super().add_mask(layer, queries, mask).chosen()
        weighed = torch.where(indices < layer.state["prefix"], probabilities, probabilities / 3)
        return mask.with_keys(indices, weighed)


@breaks("weights_are_unbiased", "mean_over_seeds_is_dense")
class WeighsAppendedKeysWrongly(SamplerConfig):
    masker = ForgetsWhatIsAppended
