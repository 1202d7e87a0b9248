"""MagicPIG: keys sampled by SimHash collisions and weighted by their collision probability.

With angle theta between query and centred key, one sign bit agrees with probability p = 1 - theta/pi, a table of K
bits with p^K, and at least two of L tables with 1 - (1 - p^K)^L - L p^K (1 - p^K)^(L-1).
https://arxiv.org/abs/2410.16179
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    choice,
    gather_rows,
    integer,
)

MIN_PROBABILITY = 1e-4
"""The official code adds this to the probability; as a floor it bounds a key's weight in the same way."""

FLOAT32_BITS = 24
"""Whole numbers of so many bits are exact in float32."""
KEYS_AT_ONCE = 128
"""Per query: a buffer that stays in the cache and is used again costs a fraction of a large one."""


@dataclass(frozen=True)
class MagicPigConfig(MaskerConfig):
    """SimHash sampling: keys that share a bucket with the query in ``min_collisions`` of ``lsh_l`` tables.

    Each table hashes a key to ``lsh_k`` sign bits of random projections; at angle theta a table agrees with
    probability p^K, p = 1 - theta/pi, and a key is read with probability 1 - (1 - p^K)^L - L p^K (1 - p^K)^(L-1), by
    which its weight is divided. https://arxiv.org/abs/2410.16179

    Keys are centred by the prefix's mean, queries are not. Choosing compares ``lsh_l`` bucket numbers per key and
    query head (lsh_l * lsh_k bits read per key, kept in 8, 16 or 32 bits each), and reads the colliding keys for their
    angle. State: the bucket numbers, planes and centre. The authors keep layers 0, 16, 32 and 48 dense: put
    ``dense_layers`` into the stack for that.
    """

    samples: ClassVar[bool] = True

    lsh_l: Annotated[int, Ge(1), Le(1024)] = 75
    lsh_k: Annotated[int, Ge(1), Le(30)] = 8
    min_collisions: Annotated[int, Ge(1)] = 2
    center: bool = True
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    def create_masker(self) -> MagicPig:
        """Return the masker."""
        return MagicPig(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return the tables and bits around the paper's (K 8 to 10, L 75 to 150)."""
        return {"lsh_l": choice([16, 32, 64, 128]), "lsh_k": integer(4, 12)}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when no key can collide often enough."""
        if self.min_collisions > self.lsh_l:
            return f"min_collisions {self.min_collisions} cannot be reached with lsh_l {self.lsh_l} tables"
        return None

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of a key's bucket numbers."""
        return self.lsh_l * self.lsh_k


class MagicPig(Masker):
    """Reads the keys that share a bucket with the query in enough tables.

    State per key: ``lsh_l`` bucket numbers (8, 16 or 32 bits each); per layer: the planes and the centre, both fixed at
    the end of the prefix, so that hashes and probabilities always belong together.
    """

    def __init__(self, config: MagicPigConfig) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        """Draw the planes, fix the centre, and hash the prefix."""
        batch, kv_heads, length, head_dim = layer.keys.shape
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + layer.index)
        planes = torch.randn(head_dim, self.config.lsh_l * self.config.lsh_k, generator=generator)
        device = layer.keys.device
        centred = self.config.center and length > 0
        layer.state.update(
            planes=planes.to(device),
            center=layer.keys.float().mean(2, keepdim=True)
            if centred
            else torch.zeros(batch, kv_heads, 1, head_dim, device=device),
            buckets=GrowingTensor(
                torch.empty(self.config.lsh_l, batch, kv_heads, 0, dtype=self._bucket_dtype, device=device), dim=-1
            ),
        )
        self._hash_keys(layer, 0)

    def on_append(self, layer: Layer, start: int) -> None:
        """Hash the new keys; the old ones keep their buckets."""
        self._hash_keys(layer, start)

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the colliding keys with the probability of such a collision."""
        state = layer.state
        batch, heads, length, head_dim = queries.shape
        kv_heads = layer.keys.shape[1]
        grouped = queries.float().reshape(batch, kv_heads, heads // kv_heads * length, head_dim)
        query_buckets = self._buckets(grouped, state["planes"])
        hits = self._collisions(query_buckets, state["buckets"].tensor) >= self.config.min_collisions
        indices, real = _padded_indices(hits.view(batch, heads, length, -1) & mask.unread())
        pieces = torch.split(indices, KEYS_AT_ONCE, dim=-1)
        cosine = torch.cat([_cosine(queries.float(), layer.keys, state["center"], piece) for piece in pieces], dim=-1)
        theta = torch.arccos(cosine.clamp(-1.0, 1.0))
        config = self.config
        probability = collision_probability(theta, config.lsh_k, config.lsh_l, config.min_collisions)
        return mask.with_keys(indices, torch.where(real, probability.clamp_min(MIN_PROBABILITY), 0.0))

    def _hash_keys(self, layer: Layer, start: int) -> None:
        state = layer.state
        centred = layer.keys[:, :, start:].float() - state["center"]
        state["buckets"].append(self._buckets(centred, state["planes"]))

    def _buckets(self, vectors: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
        """Return the bucket number of ``(B, H, n, d)`` vectors in each table, ``(L, B, H, n)`` integers."""
        # A product with the powers of two packs bits several times faster than whole numbers would; it is exact.
        exact = torch.float32 if self.config.lsh_k <= FLOAT32_BITS else torch.float64
        powers = 2 ** torch.arange(self.config.lsh_k, device=vectors.device, dtype=exact)
        # Signs are written over the products: another tensor of that size takes as long as the product itself.
        bits = (vectors @ planes).gt_(0).to(exact).view(*vectors.shape[:-1], self.config.lsh_l, self.config.lsh_k)
        numbers: torch.Tensor = bits @ powers
        return numbers.to(self._bucket_dtype).movedim(-1, 0).contiguous()

    @property
    def _bucket_dtype(self) -> torch.dtype:
        if self.config.lsh_k <= torch.iinfo(torch.uint8).bits:
            return torch.uint8
        return torch.int16 if self.config.lsh_k < torch.iinfo(torch.int16).bits else torch.int32

    def _collisions(self, query_buckets: torch.Tensor, key_buckets: torch.Tensor) -> torch.Tensor:
        """Count equal buckets of ``(L, B, Hkv, q)`` and ``(L, B, Hkv, Lk)``, ``(B, Hkv, q, Lk)``."""
        shape = (*query_buckets.shape[1:], key_buckets.shape[-1])
        # Results of the buckets' own type compare and add several times faster than booleans do.
        equal = key_buckets.new_empty(shape)
        fits = self.config.lsh_l <= torch.iinfo(equal.dtype).max
        counts = torch.zeros_like(equal, dtype=equal.dtype if fits else torch.int16)
        # Table by table, so that no (L, B, Hkv, q, Lk) tensor is built.
        for of_queries, of_keys in zip(query_buckets, key_buckets, strict=True):
            torch.eq(of_queries[..., :, None], of_keys[..., None, :], out=equal)
            counts += equal
        return counts


def collision_probability(theta: torch.Tensor, lsh_k: int, lsh_l: int, min_collisions: int = 2) -> torch.Tensor:
    """Return the probability that vectors at angle ``theta`` share at least so many of L buckets of K sign bits."""
    table = (1.0 - theta.double() / math.pi).clamp(0.0, 1.0) ** lsh_k
    fewer = torch.zeros_like(table)
    for hits in range(min(min_collisions, lsh_l + 1)):
        fewer = fewer + float(math.comb(lsh_l, hits)) * table**hits * (1.0 - table) ** (lsh_l - hits)
    return (1.0 - fewer).clamp(0.0, 1.0).float()


def _padded_indices(hits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the positions of the hits of ``(B, H, Lq, Lk)``, padded to the longest row, and which are real."""
    counts = hits.sum(-1, keepdim=True)
    columns = torch.arange(max(1, int(counts.max())), device=hits.device)
    real = columns < counts
    indices = torch.zeros(real.shape, dtype=torch.long, device=hits.device)
    # Both walk row by row in the same order, so the n-th hit of a row lands in the row's n-th place.
    indices[real] = hits.nonzero()[:, -1]
    return indices, real


def _cosine(queries: torch.Tensor, keys: torch.Tensor, center: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return the cosine between each query and the chosen centred keys, ``(B, Hq, Lq, n)``; 0 with a zero vector."""
    batch, heads, length, count = indices.shape
    kv_heads = keys.shape[1]
    shape = (batch, kv_heads, heads // kv_heads, length, count)
    # Centred as they were hashed: products of uncentred keys would cancel where the centre is large.
    chosen = gather_rows(keys, indices.view(shape)).float() - center[:, :, None, None]
    products = (chosen @ queries.view(*shape[:4], -1, 1))[..., 0]
    lengths: torch.Tensor = queries.norm(dim=-1).view(*shape[:4], 1) * chosen.norm(dim=-1)
    return (products / lengths.clamp_min(torch.finfo(torch.float32).tiny)).view(indices.shape)
