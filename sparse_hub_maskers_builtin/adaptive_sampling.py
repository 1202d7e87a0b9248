"""vAttention's adaptive sampling: as many sampled keys as a promise on the error asks for."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Le, Lt

from sparse_hub_core import (
    Domain,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    draw_keys,
    key_logits,
    loguniform,
    random_ranks,
    uniform,
)

MIN_BASE_SAMPLE = 32
"""A spread estimated on fewer keys says little about heavy tails."""


@dataclass(frozen=True)
class AdaptiveSamplingConfig(MaskerConfig):
    """A uniform sample of the unread keys, per query head as large as it takes to keep P(error > epsilon) <= delta.

    The error is the relative one of the softmax denominator D. A base sample (``base_rate_sampling`` of the R unread
    keys) estimates the spread sigma of exp(s) among them, and D as what is read already plus R times their mean. The
    central limit theorem asks for v = (z sigma R / (epsilon D))^2 keys with z = Phi^-1(1 - delta / 2); drawn without
    replacement b = v / (1 + v / R) do. The base sample is part of the final one, and every key of it is read with
    probability b / R. https://arxiv.org/abs/2510.05688

    The estimator is the corrected one: the public reference takes sigma over all keys, draws base and sample apart
    and with replacement, leaves out the finite population and takes a one-sided z, which on heavy tails breaks the
    promise at a higher density. sigma is itself estimated, so delta is met on average, not for every distribution.

    Choosing reads the keys that are in the mask and the base sample once more; per sampled key a few integer
    operations. It keeps no state.
    """

    budget_field: ClassVar[str] = "base_rate_sampling"
    samples: ClassVar[bool] = True

    base_rate_sampling: Annotated[float, Gt(0), Le(1)] = 0.02
    epsilon: Annotated[float, Ge(1e-6)] = 0.1
    delta: Annotated[float, Ge(1e-9), Lt(1)] = 0.1
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    def create_masker(self) -> AdaptiveSampling:
        """Return the masker."""
        return AdaptiveSampling(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return base samples as shares of the context, and promises from strict to loose."""
        return {
            "base_rate_sampling": loguniform(0.005, 0.1),
            "epsilon": loguniform(0.01, 0.4),
            "delta": uniform(0.01, 0.4),
        }


class AdaptiveSampling(Masker):
    """Keeps no state: a draw depends on seed, layer, head and position alone."""

    def __init__(self, config: AdaptiveSamplingConfig) -> None:
        self.config = config
        self._z = -NormalDist().inv_cdf(config.delta / 2)

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the base sample and what the promise asks for beyond it."""
        population = mask.num_unread()
        if not bool(population.any()):
            return mask
        share = (population.double() * self.config.base_rate_sampling).long()
        base = share.clamp_min(MIN_BASE_SAMPLE).minimum(population)
        # Heads that lack the same keys draw in one order, so that a group reads no more than its largest sample.
        heads = mask.num_choosing_heads
        draws = draw_keys(self.config.seed, layer.index, heads, mask.query_positions)
        draws = draws.repeat_interleave(mask.num_query_heads // heads, dim=1)
        indices = mask.nth_unread(random_ranks(population, 0, int(base.max()), draws))
        budget = self._budget(layer, queries, mask, indices, base, population)
        drawn, wanted = indices.shape[-1], int(budget.max())
        if wanted > drawn:
            more = mask.nth_unread(random_ranks(population, drawn, wanted, draws))
            indices = torch.cat([indices, more], dim=-1)
        real = torch.arange(indices.shape[-1], device=indices.device) < budget[..., None]
        probability = (budget / population.clamp_min(1))[..., None]
        return mask.with_keys(indices, torch.where(real, probability, 0.0), unread=True)

    def _budget(
        self,
        layer: Layer,
        queries: torch.Tensor,
        mask: Mask,
        indices: torch.Tensor,
        base: torch.Tensor,
        population: torch.Tensor,
    ) -> torch.Tensor:
        """Return how many keys to sample for each query, ``(B, Hq, Lq)``."""
        real = torch.arange(indices.shape[-1], device=indices.device) < base[..., None]
        sampled = key_logits(layer, queries, indices).masked_fill(~real, -torch.inf)
        held_keys, probabilities = mask.read_keys()
        weights = probabilities.repeat_interleave(mask.num_query_heads // probabilities.shape[1], dim=1)
        held = torch.where(weights > 0, key_logits(layer, queries, held_keys) - weights.log(), -torch.inf)
        top = torch.cat([sampled, held], dim=-1).amax(-1, keepdim=True).nan_to_num(neginf=0.0)
        sampled, certain = torch.exp(sampled - top), torch.exp(held - top).sum(-1)
        mean = sampled.sum(-1) / base.clamp_min(1)
        squares = torch.where(real, sampled - mean[..., None], 0.0).square().sum(-1)
        sigma = (squares / (base - 1).clamp_min(1)).sqrt()
        total = (certain + population * mean).clamp_min(torch.finfo(torch.float32).tiny)
        asked = (self._z * sigma * population / (self.config.epsilon * total)).square()
        enough = population / (1 + population / asked)
        return enough.ceil().long().maximum(base).minimum(population)
