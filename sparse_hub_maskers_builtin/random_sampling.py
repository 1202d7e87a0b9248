"""A uniform sample of the keys: what every cleverer sampler must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Le

from sparse_hub_core import Domain, Layer, Mask, Masker, MaskerConfig, draw_keys, loguniform, random_ranks


@dataclass(frozen=True)
class RandomSamplingConfig(MaskerConfig):
    """A share ``sampling_rate`` of the unread keys, drawn uniformly and weighted by its inclusion probability.

    Of R unread keys b = max(1, rate * R) are drawn without replacement, so each is read with probability b / R and
    enters the softmax with weight exp(s) R / b, which makes the numerator and the denominator unbiased. (Drawn with
    replacement, as the public reference does, repeats collapse and the weights come out too small.) The heads of a
    KV group share a sample where they have the same unread keys, so that each row is read once. Choosing reads
    nothing, costs a few integer operations per drawn key, and keeps no state.
    """

    budget_field: ClassVar[str] = "sampling_rate"
    samples: ClassVar[bool] = True

    sampling_rate: Annotated[float, Gt(0), Le(1)] = 0.05
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    def create_masker(self) -> RandomSampling:
        """Return the masker."""
        return RandomSampling(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, so that one space serves every length."""
        return {"sampling_rate": loguniform(0.01, 0.2)}

    def max_keys(self, num_keys: int) -> int:
        """Return the size of the largest sample."""
        return max(1, int(self.sampling_rate * num_keys))


class RandomSampling(Masker):
    """Keeps no state: a draw depends on seed, layer, head and position alone."""

    def __init__(self, config: RandomSamplingConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the sample."""
        heads = mask.num_choosing_heads
        population = mask.num_unread()[:, :: mask.num_query_heads // heads]
        counts = (population.double() * self.config.sampling_rate).long().clamp_min(1).minimum(population)
        draws = draw_keys(self.config.seed, layer.index, heads, mask.query_positions)
        indices = mask.nth_unread(random_ranks(population, 0, int(counts.max()), draws))
        real = torch.arange(indices.shape[-1], device=indices.device) < counts[..., None]
        probability = (counts / population.clamp_min(1))[..., None]
        return mask.with_keys(indices, torch.where(real, probability, 0.0), unread=True)
