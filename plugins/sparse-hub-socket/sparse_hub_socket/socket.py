"""SOCKET: a key falls into one bucket per hash table, a query spreads over all, and keys are ranked by the overlap.

A query leans to corner c of the K-cube, c in {-1, 1}^K, with p(c) = exp(u.c / tau) / sum over all corners, where
u = tanh(W q) / sqrt(d) and W are the table's K random planes. That is a product over bits: p(c) = prod_k
sigmoid(2 u_k c_k / tau), so a table of all 2^K corners costs K products of its parts.
https://arxiv.org/abs/2602.06283
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from torch.nn.functional import embedding_bag

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    choice,
    covers_context,
    integer,
    loguniform,
    resolve_size,
    uniform,
)

KEYS_AT_ONCE = 8192
"""Bucket numbers widened or hashed at a time: larger pieces leave the cache and cost three times as much."""
ROWS_AT_ONCE = 32
"""Queries of a KV group looked up at a time, which bounds the tables of long question chunks."""
NORM_BITS = 16
"""The length of a value is kept in the cache's own format."""


@dataclass(frozen=True)
class SocketConfig(MaskerConfig):
    """Soft LSH: the ``heavy_size`` keys of highest sum over tables of p(key's bucket) times the length of the value.

    Each of ``lsh_l`` tables has ``lsh_k`` random planes W; a key falls into the bucket of its signs c = sign(W k), a
    query leans to every bucket with p(c) = softmax over corners of u.c / tau = prod_i sigmoid(2 u_i c_i / tau),
    u = tanh(W q) / sqrt(d), and score = |v| sum_l p_l(bucket). Soft hashes rank keys by degrees where hard ones only
    count hits. https://arxiv.org/abs/2602.06283

    Chosen per query head among the keys that the mask does not hold yet; where fewer are left, fewer are added.
    Choosing reads lsh_l * lsh_k + 16 bits per key, the bucket numbers and the value's length, kept in 8 or 16 bits per
    table, and looks up ``lsh_l`` numbers per key and query head. State: those, and the planes, which are drawn from
    (seed, layer) alone. Beyond the authors' code: the score leaves out what other maskers read, future keys never
    fill the top-k, and attention over the chosen keys is the exact softmax.
    """

    budget_field: ClassVar[str] = "heavy_size"

    heavy_size: Size = 0.05
    lsh_k: Annotated[int, Ge(1), Le(15)] = 10
    lsh_l: Annotated[int, Ge(1), Le(1024)] = 60
    tau: Annotated[float, Gt(0)] = 0.4
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    def create_masker(self) -> Socket:
        """Return the masker."""
        return Socket(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, and the tables, bits and temperatures around the paper's."""
        return {
            "heavy_size": loguniform(0.005, 0.2),
            "lsh_k": integer(8, 12),
            "lsh_l": choice([20, 40, 60, 80]),
            "tau": uniform(0.3, 0.7),
        }

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the top-k is the whole context."""
        return covers_context("heavy_size", self.heavy_size, num_keys)

    def max_keys(self, num_keys: int) -> int:
        """Return the number of heavy keys."""
        return resolve_size(self.heavy_size, num_keys)

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of a key's bucket numbers and of its value's length."""
        return self.lsh_l * self.lsh_k + NORM_BITS


class Socket(Masker):
    """State per key: ``lsh_l`` bucket numbers and the length of its value; per layer: the planes."""

    def __init__(self, config: SocketConfig) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        """Draw the planes and hash the prefix."""
        config, (batch, kv_heads, _, head_dim), device = self.config, layer.keys.shape, layer.keys.device
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + layer.index)
        planes = torch.randn(head_dim, config.lsh_l * config.lsh_k, generator=generator)
        dtype = torch.uint8 if config.lsh_k <= torch.iinfo(torch.uint8).bits else torch.int16
        buckets = torch.empty(batch, kv_heads, 0, config.lsh_l, dtype=dtype, device=device)
        layer.state.update(
            planes=planes.to(device),
            buckets=GrowingTensor(buckets),
            norms=GrowingTensor(torch.empty(batch, kv_heads, 0, dtype=layer.values.dtype, device=device)),
        )
        self.on_append(layer, 0)

    def on_append(self, layer: Layer, start: int) -> None:
        """Hash the new keys and measure their values; the old ones keep what they have."""
        state, largest = layer.state, torch.finfo(layer.values.dtype).max
        for keys in torch.split(layer.keys[:, :, start:], KEYS_AT_ONCE, dim=2):
            state["buckets"].append(self._buckets(keys.float() @ state["planes"]))
        norms: torch.Tensor = layer.values[:, :, start:].float().norm(dim=-1)
        state["norms"].append(norms.clamp_max(largest).to(layer.values.dtype))

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the keys of the highest scores."""
        state, config = layer.state, self.config
        batch, heads, length, head_dim = queries.shape
        kv_heads, num_keys = layer.keys.shape[1:3]
        leanings = torch.tanh(queries.float() @ state["planes"]) / (math.sqrt(head_dim) * config.tau)
        leanings = leanings.view(batch, kv_heads, heads // kv_heads * length, config.lsh_l, config.lsh_k)
        buckets, scores = state["buckets"].tensor, leanings.new_empty(*leanings.shape[:3], num_keys)
        for row, head in ((row, head) for row in range(batch) for head in range(kv_heads)):
            pieces = (torch.split(tensor[row, head], ROWS_AT_ONCE) for tensor in (scores, leanings))
            for out, of_queries in zip(*pieces, strict=True):
                out.copy_(_collisions(soft_hash(of_queries), buckets[row, head]).T)
        scores *= state["norms"].tensor.float()[:, :, None]
        return mask.with_top_keys(scores.view(batch, heads, length, num_keys), config.max_keys(num_keys))

    def _buckets(self, projections: torch.Tensor) -> torch.Tensor:
        """Return the bucket numbers of ``(B, H, n, lsh_l * lsh_k)`` projections, ``(B, H, n, lsh_l)``."""
        bits = (projections >= 0).view(*projections.shape[:-1], self.config.lsh_l, self.config.lsh_k)
        powers = 2 ** torch.arange(self.config.lsh_k, device=bits.device, dtype=torch.int16)
        numbers: torch.Tensor = (bits * powers).sum(-1, dtype=torch.int16)
        return numbers


def soft_hash(leanings: torch.Tensor) -> torch.Tensor:
    """Return the probability of each bucket of each table, ``(L, 2 ** K, rows)``, from ``(rows, L, K)`` u / tau."""
    upper = torch.sigmoid(2.0 * leanings).permute(1, 2, 0)
    lower = torch.sigmoid(-2.0 * leanings).permute(1, 2, 0)
    table = upper.new_ones(upper.shape[0], 1, upper.shape[2])
    # The k-th bit of a bucket number doubles the table: its lower half has the bit clear, its upper half set.
    for bit in range(upper.shape[1]):
        table = torch.cat([table * lower[:, bit, None], table * upper[:, bit, None]], dim=1)
    return table


def _collisions(tables: torch.Tensor, buckets: torch.Tensor) -> torch.Tensor:
    """Sum ``(L, 2 ** K, rows)`` over tables at the buckets of each key ``(n, L)``: ``(n, rows)``."""
    first = torch.arange(tables.shape[0], device=tables.device, dtype=torch.int32) * tables.shape[1]
    flat = tables.flatten(0, 1)
    # One fused look-up and sum: several times faster than a gather or a matrix product with the signs per table.
    return torch.cat([embedding_bag(keys + first, flat, mode="sum") for keys in torch.split(buckets, KEYS_AT_ONCE)])
