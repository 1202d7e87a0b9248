"""XAttention: the prefix reads whole blocks of keys, chosen by the sums of their antidiagonals.

Cut queries and keys into strides of S. The score of query stride i and key stride j is the mean over the antidiagonal
of their S x S tile, sum_t q[i S + S - 1 - t] . k[j S + t] / S: one matrix product of rows of S d. It meets every query
and every key, and crosses every vertical and slash pattern. https://arxiv.org/abs/2503.16428
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch.nn.functional import pad

from sparse_hub_core import ConfigError, Domain, Layer, Mask, Masker, MaskerConfig, choice, uniform

SCORES_AT_ONCE = 1 << 20
"""Scores of stride pairs at a time: they stay in the cache, and those of the future are left out piece by piece."""
CACHE_BITS = 16


@dataclass(frozen=True)
class XAttentionConfig(MaskerConfig):
    """The fewest blocks of keys that hold a share ``threshold`` of each query block's attention, as it is estimated.

    The estimate is a softmax over the key strides up to a query stride of scale * mean(q.k over the antidiagonal of
    their tile), summed over the tiles of a block; per query head, the blocks of the queries themselves and, as in the
    authors' code, the first block (``keep_first``) are always among the chosen. https://arxiv.org/abs/2503.16428

    It masks the prefix's own queries, not those that follow. Choosing multiplies each query with one key of every
    stride, 1 / stride of dense attention's q.k; as reads are counted per query, that is declared as 16 d / stride bits
    per key. No state. The queries of a block choose together, so which blocks one reads depends on later ones of its
    own block, never on later blocks. Beyond the authors' code: an antidiagonal's mean is taken over its real pairs,
    where zeros that fill up the last stride would flatten its softmax; chunks of a prefix may have any length; a
    threshold of 1.0 reads everything. A soft cap of the logits is left out of the estimate.
    """

    budget_field: ClassVar[str] = "threshold"

    threshold: Annotated[float, Gt(0), Le(1)] = 0.9
    stride: Annotated[int, Ge(1)] = 8
    block_size: Annotated[int, Ge(1)] = 64
    keep_first: bool = True

    def create_masker(self) -> XAttention:
        """Return the masker.

        Raises:
            ConfigError: Blocks are not made of whole strides.
        """
        if self.block_size % self.stride:
            raise ConfigError(f"XAttentionConfig cannot run: {self._uneven}; choose a block_size that is.")
        return XAttention(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return thresholds, strides and blocks around the paper's."""
        return {
            "threshold": uniform(0.7, 0.97),
            "stride": choice([8, 16]),
            "block_size": choice([32, 64, 128]),
        }

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when blocks are not made of strides, or one block is the whole prefix."""
        if self.block_size % self.stride:
            return self._uneven
        if self.block_size >= num_keys:
            return f"block_size {self.block_size} covers the whole context of {num_keys} tokens"
        return None

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of one key of every stride: each query meets so many."""
        return CACHE_BITS * head_dim / self.stride

    @property
    def _uneven(self) -> str:
        return f"block_size {self.block_size} is no multiple of stride {self.stride}"


class XAttention(Masker):
    """Keeps no state."""

    stage: ClassVar[Literal["prefill", "decode"]] = "prefill"

    def __init__(self, config: XAttentionConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the blocks that each block of queries chooses."""
        size, first = self.config.block_size, mask.num_keys - mask.num_queries
        starts = torch.arange(0, mask.num_queries, size, device=mask.device) + first
        last = (starts + size - 1).clamp_max(mask.num_keys - 1)[:, None]
        blocks = torch.arange(-(-mask.num_keys // size), device=mask.device)
        legal, own = blocks * size <= last, (blocks + 1) * size > starts[:, None]
        always = legal & (own | (blocks == 0) if self.config.keep_first else own)
        if self.config.threshold == 1.0:
            chosen = legal.expand(mask.batch_size, mask.num_kv_heads, -1, -1)
        else:
            scores = block_scores(queries, layer.keys, layer.scaling, self.config.stride, size)
            chosen = fewest_blocks(scores, always, self.config.threshold)
        return mask.with_blocks(size, chosen)


def block_scores(queries: torch.Tensor, keys: torch.Tensor, scaling: float, stride: int, size: int) -> torch.Tensor:
    """Return how much each block of queries attends to each block of keys, as antidiagonals estimate it.

    Args:
        queries: ``(B, Hq, Lq, d)``, the last Lq positions of the keys.
        keys: ``(B, Hkv, Lk, d)``.
        scaling: Of the logits.
        stride: Queries and keys per tile whose antidiagonal is taken.
        size: Queries and keys per block, a multiple of the stride.

    Returns:
        ``(B, Hq, ceil(Lq / size), ceil(Lk / size))`` float32; each stride of queries shares out 1 among its row.
    """
    batch, heads, num_queries, _ = queries.shape
    num_keys, per_block = keys.shape[2], size // stride
    # Scaled first: sums of stride * d products would overflow half precision.
    query_rows = _strides(queries * (scaling / stride), stride, size).flip(3).flatten(3)
    key_rows = _strides(keys, stride, size).flatten(3)
    num_rows, num_columns = query_rows.shape[2] // per_block, key_rows.shape[2] // per_block
    step = max(1, SCORES_AT_ONCE // (batch * heads * per_block * key_rows.shape[2]))
    parts = []
    for start in range(0, num_rows, step):
        rows = range(start * per_block, min(start + step, num_rows) * per_block)
        last_query = num_keys - num_queries + min(rows[-1] * stride, num_queries - 1)
        # Blocks after the last query's own are not multiplied at all.
        seen = last_query // size + 1
        columns = range(seen * per_block)
        grouped = query_rows[:, :, rows.start : rows.stop].reshape(batch, keys.shape[1], -1, key_rows.shape[3])
        products = (grouped @ key_rows[:, :, : len(columns)].transpose(-1, -2)).float()
        pairs = _real_pairs(rows, columns, num_queries, num_keys, stride).to(keys.device)
        weights = _attention(products.view(batch, heads, len(rows), len(columns)), pairs, stride)
        parts.append(pad(_sum_blocks(weights, per_block), (0, num_columns - seen)))
    return torch.cat(parts, dim=2)


def _strides(tensor: torch.Tensor, stride: int, size: int) -> torch.Tensor:
    """Cut ``(B, H, n, d)`` into ``(B, H, strides, stride, d)``; the last block is filled up with zeros."""
    filled = pad(tensor, (0, 0, 0, -tensor.shape[2] % size))
    return filled.view(*tensor.shape[:2], -1, stride, tensor.shape[3])


def _real_pairs(rows: range, columns: range, num_queries: int, num_keys: int, stride: int) -> torch.Tensor:
    """Return how many pairs on each tile's antidiagonal are no filling, ``(rows, columns)``; 0 in the future."""
    queries, keys = torch.tensor(rows)[:, None] * stride, torch.tensor(columns) * stride
    real_queries, real_keys = (num_queries - queries).clamp(0, stride), (num_keys - keys).clamp(0, stride)
    pairs = (real_queries + real_keys - stride).clamp_min(0)
    return pairs.masked_fill(keys > queries + num_keys - num_queries, 0)


def _attention(products: torch.Tensor, pairs: torch.Tensor, stride: int) -> torch.Tensor:
    """Return the softmax over key strides of the mean of each antidiagonal, in place of its sum / stride."""
    hidden = pairs == 0
    products.mul_(stride / pairs.clamp_min(1)).masked_fill_(hidden, -torch.inf)
    # A row that sees no stride gives NaN, and weighs nothing.
    return torch.softmax(products, dim=-1).masked_fill_(hidden, 0.0)


def _sum_blocks(weights: torch.Tensor, per_block: int) -> torch.Tensor:
    """Sum ``(B, H, rows, columns)`` over tiles of ``per_block``."""
    batch, heads, rows, columns = weights.shape
    tiles = weights.view(batch, heads, rows // per_block, per_block, columns // per_block, per_block)
    return tiles.sum(-1).sum(3)


def fewest_blocks(scores: torch.Tensor, always: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return the fewest blocks whose share of each row's sum reaches the threshold, those of ``always`` among them.

    Args:
        scores: ``(B, H, query blocks, key blocks)``, none negative.
        always: ``(query blocks, key blocks)`` boolean.
        threshold: The share, below 1.

    Returns:
        ``(B, H, query blocks, key blocks)`` boolean.
    """
    always = always.expand(scores.shape)
    order = scores.masked_fill(always, torch.inf).argsort(dim=-1, descending=True, stable=True)
    sorted_scores = scores.double().gather(-1, order)
    before = sorted_scores.cumsum(-1) - sorted_scores
    wanted = before < threshold * sorted_scores.sum(-1, keepdim=True)
    return always | torch.zeros_like(always).scatter_(-1, order, wanted)
