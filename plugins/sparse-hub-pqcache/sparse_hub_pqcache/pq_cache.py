"""PQCache: top-k by the inner products of queries with product-quantised keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Le
from torch.nn.functional import pad

from sparse_hub_core import (
    ConfigError,
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    choice,
    covers_context,
    loguniform,
    resolve_size,
)
from sparse_hub_pqcache.k_means import fit_centroids, nearest_centroids

FITTED_PER_CENTROID = 128
"""A codebook is fitted on at most so many of the prefix's keys per centroid, which bounds what fitting costs."""
KEYS_AT_ONCE = 4096
"""Encoded at a time, so that no float32 copy of all keys is made."""


@dataclass(frozen=True)
class PqCacheConfig(MaskerConfig):
    """The ``heavy_size`` unread keys of the highest approximate q.k, from keys that are kept as a few small codes.

    A key is cut into m = ``pq_group_factor`` subvectors; each is replaced by the nearest of 2^``pq_bits`` centroids,
    which k-means finds on the prefix's keys, for each KV head and subvector. A query head's score of a key is
    sum_j q_j . c_j[code_j]: one look-up per subvector in a table of products. https://arxiv.org/abs/2407.12820

    Choosing reads m codes per key. State: the codes (a byte each; two to a byte where they have 4 bits and m is even),
    centroids, and with ``metric="inner_product"`` the largest length M_j of the prefix's subvectors.

    That metric adds the coordinate sqrt(M_j^2 - |k_j|^2) to a key's subvectors and none to a query's, so that the
    nearest centroid is also the one of the largest product. M_j stays what it was at the end of the prefix; longer
    keys that come later get 0. New keys are encoded as keys (the public reference encodes them as queries).

    Where it deviates from the paper: a codebook is fitted on at most 128 keys per centroid, taken evenly from the
    prefix, and for a fixed number of iterations. As long as there are no more keys than centroids each key is a
    centroid of its own, also keys appended to a short or empty prefix; a codebook that is full is never fitted again.
    Keys of equal scores are told apart by their positions alone.
    """

    budget_field: ClassVar[str] = "heavy_size"

    heavy_size: Size = 0.05
    pq_group_factor: Annotated[int, Ge(1)] = 2
    pq_bits: Annotated[int, Ge(4), Le(8)] = 6
    kmeans_iterations: Annotated[int, Ge(1)] = 10
    metric: Literal["euclidean", "inner_product"] = "euclidean"
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    def create_masker(self) -> PqCache:
        """Return the masker."""
        return PqCache(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, and the paper's codes with coarser and finer ones."""
        return {
            "heavy_size": loguniform(0.005, 0.2),
            "pq_group_factor": choice([2, 4]),
            "pq_bits": choice([4, 6, 8]),
        }

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the top-k is the whole context, or when there is nothing to fit."""
        if num_keys <= self.num_centroids:
            return f"pq_bits {self.pq_bits} makes {self.num_centroids} centroids of a context of {num_keys} tokens"
        return covers_context("heavy_size", self.heavy_size, num_keys)

    def max_keys(self, num_keys: int) -> int:
        """Return the number of heavy keys."""
        return resolve_size(self.heavy_size, num_keys)

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of a key's codes."""
        return self.pq_group_factor * self.pq_bits

    @property
    def num_centroids(self) -> int:
        """The centroids of one subvector."""
        return 1 << self.pq_bits

    @property
    def codes_per_byte(self) -> int:
        """How many subvectors share a byte."""
        return 2 if self.pq_bits == 4 and self.pq_group_factor % 2 == 0 else 1


class PqCache(Masker):
    """State per layer: ``centroids`` ``(B, Hkv, m, K, w)``, ``codes`` ``(B, Hkv, bytes, Lk)``, ``lengths`` M_j.

    Keys stand in the last dimension, so that look-ups write scores along memory.
    """

    def __init__(self, config: PqCacheConfig) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        """Fit the codebooks to the prefix and encode it."""
        layer.state.clear()
        if layer.keys.shape[2]:
            self._begin(layer, layer.keys)

    def on_append(self, layer: Layer, start: int) -> None:
        """Encode the new keys; the others keep their codes."""
        if not layer.state:
            # Only the first key is there in a chunk as in single steps.
            self._begin(layer, layer.keys[:, :, :1])
            start = 1
        known = layer.state["centroids"].shape[3]
        stop = start + self.config.num_centroids - known
        founders = self._vectors(layer, layer.keys[:, :, start:stop])
        layer.state["centroids"] = torch.cat([layer.state["centroids"], founders], dim=3)
        layer.state["codes"].append(self._founding_codes(founders, known))
        layer.state["codes"].append(self._encoded(layer, layer.keys[:, :, stop:]))

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the keys of the highest approximate scores."""
        scores = self._scores(layer, queries).view(*queries.shape[:3], -1)
        return mask.with_top_keys(_without_ties(scores), resolve_size(self.config.heavy_size, mask.num_keys))

    def _begin(self, layer: Layer, keys: torch.Tensor) -> None:
        """Fit the codebooks to the first keys, and encode these."""
        if self.config.metric == "inner_product":
            layer.state["lengths"] = self._subvectors(keys).norm(dim=-1, keepdim=True).amax(3, keepdim=True)
        if keys.shape[2] <= self.config.num_centroids:
            layer.state["centroids"] = self._vectors(layer, keys)
            codes = self._founding_codes(layer.state["centroids"], 0)
        else:
            layer.state["centroids"] = self._fitted(layer, keys)
            codes = self._encoded(layer, keys)
        layer.state["codes"] = GrowingTensor(codes, dim=3)

    def _fitted(self, layer: Layer, keys: torch.Tensor) -> torch.Tensor:
        """Return centroids, fitted sequence by sequence, so that none depends on the others of the batch."""
        count, length = self.config.num_centroids, keys.shape[2]
        taken = min(length, count * FITTED_PER_CENTROID)
        vectors = self._vectors(layer, keys[:, :, torch.arange(taken, device=keys.device) * length // taken])
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + layer.index)
        order = torch.randperm(taken, generator=generator).to(keys.device)
        fitted = [
            fit_centroids(sequence.flatten(0, 1), count, self.config.kmeans_iterations, order) for sequence in vectors
        ]
        return torch.stack(fitted).view(*vectors.shape[:3], count, -1)

    def _encoded(self, layer: Layer, keys: torch.Tensor) -> torch.Tensor:
        """Return the numbers of the nearest centroids, ``(B, H, bytes, n)``."""
        centroids = layer.state["centroids"].flatten(0, 2)
        pieces = []
        for some in torch.split(keys, KEYS_AT_ONCE, dim=2):
            vectors = self._vectors(layer, some)
            codes = nearest_centroids(vectors.flatten(0, 2), centroids)
            pieces.append(self._packed(codes.view(vectors.shape[:4])))
        return torch.cat(pieces, dim=3)

    def _founding_codes(self, vectors: torch.Tensor, known: int) -> torch.Tensor:
        """Return the numbers of ``(B, H, m, n, w)`` that are centroids themselves, after those known before."""
        numbers = torch.arange(known, known + vectors.shape[3], device=vectors.device)
        return self._packed(numbers.expand(vectors.shape[:4]))

    def _packed(self, codes: torch.Tensor) -> torch.Tensor:
        """Return ``(B, H, m, n)`` codes as bytes, the first of two in the upper half."""
        if self.config.codes_per_byte == 2:
            codes = codes[:, :, ::2] * 16 + codes[:, :, 1::2]
        return codes.to(torch.uint8)

    def _vectors(self, layer: Layer, keys: torch.Tensor) -> torch.Tensor:
        """Return what is clustered of ``(B, H, n, d)`` keys, ``(B, H, m, n, w)``: with the metric's coordinate."""
        vectors = self._subvectors(keys)
        if self.config.metric == "euclidean":
            return vectors
        missing = layer.state["lengths"].square() - vectors.square().sum(-1, keepdim=True)
        return torch.cat([vectors, missing.clamp_min(0).sqrt()], dim=-1)

    def _subvectors(self, keys: torch.Tensor) -> torch.Tensor:
        """Cut ``(B, H, n, d)`` into ``(B, H, m, n, d / m)`` float32.

        Raises:
            ConfigError: They cannot be cut evenly.
        """
        head_dim, groups = keys.shape[-1], self.config.pq_group_factor
        if head_dim % groups:
            raise ConfigError(
                f"PqCacheConfig.pq_group_factor = {groups} does not divide the head_dim {head_dim} of this model; "
                f"choose a divisor of {head_dim}."
            )
        return keys.float().reshape(*keys.shape[:3], groups, head_dim // groups).transpose(2, 3)

    def _scores(self, layer: Layer, queries: torch.Tensor) -> torch.Tensor:
        """Return the products of queries with the quantised keys, ``(B, Hkv, G * Lq, Lk)`` float32."""
        rows = queries.reshape(*layer.keys.shape[:2], -1, queries.shape[-1])
        subqueries = self._subvectors(rows)
        centroids = layer.state["centroids"][..., : subqueries.shape[-1]]
        tables: torch.Tensor = subqueries @ centroids.transpose(-1, -2)
        if self.config.codes_per_byte == 2:
            tables = pad(tables, (0, 16 - tables.shape[-1]))
            tables = (tables[:, :, ::2, :, :, None] + tables[:, :, 1::2, :, None]).flatten(-2)
        codes: torch.Tensor = layer.state["codes"].tensor
        scores: torch.Tensor | None = None
        for place in range(codes.shape[2]):
            entries = codes[:, :, place, None].long().expand(-1, -1, rows.shape[2], -1)
            found = tables[:, :, place].gather(-1, entries)
            scores = found if scores is None else scores.add_(found)
        assert scores is not None
        return scores


def _without_ties(scores: torch.Tensor) -> torch.Tensor:
    """Tell equal scores apart by the key's position, or what is chosen of them would depend on how many keys follow.

    Float64 has 29 bits more than the scores; they take the position, which is worth less than any difference of scores.
    """
    apart = scores.double()
    apart.view(torch.int64).add_(torch.arange(scores.shape[-1], device=scores.device))
    return apart
