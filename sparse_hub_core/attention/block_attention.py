"""Attention to blocks alone, as prefill methods choose them: a fused call for query blocks that read equally many."""

from __future__ import annotations

import torch
from torch.nn.functional import pad, scaled_dot_product_attention

from sparse_hub_core.attention.blocks import Blocks
from sparse_hub_core.attention.gather import GATHERED_ELEMENTS, GATHERED_ELEMENTS_ON_GPU


def block_attention(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, blocks: Blocks, scaling: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend causally to the chosen blocks, and to nothing else.

    Args:
        queries: ``(B, Hq, Lq, d)``, the last Lq positions of the keys.
        keys: ``(B, Hkv, Lk, d)``.
        values: ``(B, Hkv, Lk, dv)``.
        blocks: What is read; a query that reads nothing gets zeros.
        scaling: Of the logits.

    Returns:
        The output ``(B, Hq, Lq, dv)`` and the number of keys read ``(B, Hq, Lq)``.
    """
    batch, heads, num_queries, _ = queries.shape
    kv_heads, num_keys, size = keys.shape[1], keys.shape[2], blocks.size
    num_rows, num_columns = blocks.chosen.shape[2:]
    # One entry per head and block of queries: where its queries stand, and which block is the first of its keys.
    entries = torch.arange(batch * heads * num_rows, device=queries.device)
    within = torch.arange(size, device=queries.device)
    positions = entries[:, None] % num_rows * size + within + (num_keys - num_queries)
    first_blocks = entries // num_rows // (heads // kv_heads) * num_columns
    past = torch.arange(num_columns, device=queries.device) * size <= positions[:, -1:]
    chosen = blocks.chosen.reshape(-1, num_columns) & past
    counts = chosen.sum(-1)
    query_blocks, key_blocks, value_blocks = (_in_blocks(tensor, size) for tensor in (queries, keys, values))
    output = value_blocks.new_zeros(len(entries), size, values.shape[3])
    num_read = torch.zeros(len(entries), size, dtype=torch.long, device=queries.device)
    at_once = GATHERED_ELEMENTS_ON_GPU if keys.is_cuda else GATHERED_ELEMENTS
    for count in set(counts.tolist()) - {0}:
        step = max(1, at_once // (count * size * keys.shape[3]))
        for some in torch.split((counts == count).nonzero()[:, 0], step):
            latest_first = chosen[some].nonzero()[:, 1].view(-1, count).flip(-1)
            where = (latest_first + first_blocks[some, None]).flatten()
            read_keys, read_values = (
                source.index_select(0, where).view(len(some), 1, count * size, -1)
                for source in (key_blocks, value_blocks)
            )
            future = _future(latest_first, positions[some], size)
            hidden = query_blocks.new_zeros(len(some), 1, size, count * size)
            hidden[:, 0, :, : future.shape[2]].masked_fill_(future, -torch.inf)
            output[some] = scaled_dot_product_attention(
                query_blocks[some][:, None], read_keys, read_values, attn_mask=hidden, scale=scaling
            )[:, 0]
            num_read[some] = count * size - future.sum(-1)
    output = output.masked_fill(num_read[..., None] == 0, 0.0).view(batch, heads, -1, values.shape[3])
    return output[:, :, :num_queries], num_read.view(batch, heads, -1)[:, :, :num_queries]


def _in_blocks(tensor: torch.Tensor, size: int) -> torch.Tensor:
    """Cut ``(B, H, n, d)`` into ``(B * H * blocks, size, d)``; the last block is filled up."""
    return pad(tensor, (0, 0, 0, -tensor.shape[2] % size)).reshape(-1, size, tensor.shape[3])


def _future(latest_first: torch.Tensor, positions: torch.Tensor, size: int) -> torch.Tensor:
    """Return which keys of the two latest blocks come after each query, ``(n, size, up to 2 * size)``.

    A block of queries lies in two blocks of keys at most; the earlier ones hold nothing of its future.
    """
    keys = latest_first[:, :2, None] * size + torch.arange(size, device=positions.device)
    return keys.flatten(1)[:, None] > positions[..., None]
