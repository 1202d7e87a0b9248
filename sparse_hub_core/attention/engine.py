"""Masked attention whose cost follows the keys that are read.

Masked attention is self-normalised importance sampling: a key with inclusion probability p enters the softmax with
its logit minus log p. Sink tokens and local windows are read as slices, chosen keys as whole gathered rows, blocks once
for a block of queries; keys and values are never repeated for grouped queries. Everything that attends goes through
``sparse_attention``: a kernel for a GPU takes its place there, and is held against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparse_hub_core.attention.block_attention import block_attention
from sparse_hub_core.attention.gather import KeySets, capped, scaled_queries
from sparse_hub_core.attention.mask import Mask

MAX_QUERY_BLOCK = 128
MAX_BLOCK_ELEMENTS = 1 << 25
"""Gathered or scored elements per block of queries: bounds the memory of long question chunks."""


@dataclass(frozen=True)
class Scoring:
    """How a layer turns queries and keys into logits."""

    scaling: float
    softcap: float | None = None
    sink_logits: torch.Tensor | None = None
    """``(Hq,)`` learned logits that take part in the softmax without a value."""


@dataclass(frozen=True)
class _Part:
    """The logits of some keys, ``(B, Hkv, G, Lq, n)``, and where their values are: ``(B, Hkv, n or Lk, d)``."""

    logits: torch.Tensor
    values: torch.Tensor
    sets: KeySets | None = None
    """Which values each query reads; None where all read all of them."""


def sparse_attention(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: Mask,
    scoring: Scoring,
    bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend to the keys that the mask names.

    Args:
        queries: ``(B, Hq, Lq, d)``.
        keys: ``(B, Hkv, Lk, d)``.
        values: ``(B, Hkv, Lk, dv)``.
        mask: What is read; a query that reads nothing gets zeros.
        scoring: Scale, soft cap and learned sinks.
        bias: ``(B, 1, Lq, Lk)`` added to the logits.

    Returns:
        The output ``(B, Hq, Lq, dv)`` and the number of keys read ``(B, Hq, Lq)``.
    """
    if mask.blocks is not None and _blocks_alone(mask, scoring, bias):
        return block_attention(queries, keys, values, mask.blocks, scoring.scaling)
    outputs, counts = [], []
    step = _query_block(mask, queries.shape[-1])
    for start in range(0, mask.num_queries, step):
        stop = min(start + step, mask.num_queries)
        rows = mask.rows(start, stop)
        block_bias = None if bias is None else bias[:, :, start:stop, : rows.num_keys]
        output, count = _attend_block(queries[:, :, start:stop], keys, values, rows, scoring, block_bias)
        outputs.append(output)
        counts.append(count)
    return (outputs[0], counts[0]) if len(outputs) == 1 else (torch.cat(outputs, 2), torch.cat(counts, 2))


def _blocks_alone(mask: Mask, scoring: Scoring, bias: torch.Tensor | None) -> bool:
    """Return whether blocks are all that is read, by plain logits, so that a fused call can read them."""
    plain = scoring.softcap is None and scoring.sink_logits is None and bias is None and mask.allowed is None
    return plain and not mask.prefix and not mask.window and mask.indices is None


def _query_block(mask: Mask, head_dim: int) -> int:
    if mask.blocks is not None:
        return mask.blocks.size
    chosen = 0 if mask.indices is None else mask.indices.shape[1] * mask.indices.shape[3] * head_dim
    scored = mask.num_query_heads * min(mask.num_keys, mask.prefix + mask.window)
    per_query = mask.batch_size * max(chosen, scored, 1)
    return max(1, min(MAX_QUERY_BLOCK, MAX_BLOCK_ELEMENTS // per_query))


def _attend_block(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: Mask,
    scoring: Scoring,
    bias: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    batch, heads, length, _ = queries.shape
    grouped = scaled_queries(queries, keys.shape[1], scoring.scaling)
    parts = [
        *_slice_parts(grouped, keys, values, mask, scoring, bias),
        *_block_part(grouped, keys, values, mask, scoring, bias),
        *_chosen_part(grouped, keys, values, mask, scoring, bias),
    ]
    shape = (batch, heads, length, values.shape[-1])
    if not parts:
        return queries.new_zeros(shape), torch.zeros(queries.shape[:3], dtype=torch.long, device=queries.device)
    logits = torch.cat([part.logits for part in parts], dim=-1) if len(parts) > 1 else parts[0].logits
    weights = _normalise(logits, scoring.sink_logits)
    output = torch.zeros(*logits.shape[:-1], values.shape[-1], device=queries.device)
    offset = 0
    for part in parts:
        size = part.logits.shape[-1]
        output += _weighted_sum(weights[..., offset : offset + size].to(values.dtype), part).float()
        offset += size
    count = (logits > -torch.inf).sum(-1)
    return output.to(queries.dtype).reshape(shape), count.reshape(batch, heads, length)


def _slice_parts(
    grouped: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: Mask,
    scoring: Scoring,
    bias: torch.Tensor | None,
) -> list[_Part]:
    first_query = mask.num_keys - mask.num_queries
    spans = []
    if mask.prefix:
        spans.append((0, mask.prefix, False))
    window_start = max(mask.prefix, first_query - mask.window + 1)
    if mask.window and window_start < mask.num_keys:
        spans.append((window_start, mask.num_keys, True))
    return [_slice_part(grouped, keys, values, mask, scoring, bias, *span) for span in spans]


def _slice_part(
    grouped: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: Mask,
    scoring: Scoring,
    bias: torch.Tensor | None,
    start: int,
    stop: int,
    windowed: bool,
) -> _Part:
    batch, kv_heads, group, length, head_dim = grouped.shape
    rows = grouped.reshape(batch, kv_heads, group * length, head_dim)
    products = torch.matmul(rows, keys[:, :, start:stop].float().transpose(-1, -2))
    logits = capped(products, scoring.softcap).view(batch, kv_heads, group, length, stop - start)
    if bias is not None:
        logits = logits + bias[:, :, None, :, start:stop]
    legal = _span_legality(mask, start, stop, windowed)
    if legal is not None:
        logits = logits.masked_fill(~legal, -torch.inf)
    return _Part(logits, values[:, :, start:stop])


def _span_legality(mask: Mask, start: int, stop: int, windowed: bool) -> torch.Tensor | None:
    """Return which pairs of a slice count, broadcastable to ``(B, Hkv, G, Lq, n)``; None when all do."""
    first_query = mask.num_keys - mask.num_queries
    legal = None
    if stop - 1 > first_query or (windowed and mask.num_queries > 1):
        columns = torch.arange(start, stop, device=mask.device)
        positions = mask.query_positions[:, None]
        legal = columns <= positions
        if windowed:
            legal &= columns > positions - mask.window
    if mask.allowed is not None:
        allowed = mask.allowed[:, :, None, :, start:stop]
        legal = allowed if legal is None else legal & allowed
    return legal


def _block_part(
    grouped: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: Mask,
    scoring: Scoring,
    bias: torch.Tensor | None,
) -> list[_Part]:
    """Read the key blocks that the one block of queries at hand has chosen."""
    if mask.blocks is None or not bool(mask.blocks.chosen.any()):
        return []
    batch, kv_heads, group, length, _ = grouped.shape
    indices, real = (tensor.view(batch, kv_heads, group, 1, -1) for tensor in mask.blocks.key_positions())
    positions = mask.query_positions[:, None]
    legal = real & (indices >= mask.prefix) & (indices <= positions)
    if mask.window:
        legal = legal & (indices <= positions - mask.window)
    indices = indices.clamp_max(mask.num_keys - 1)
    everywhere = indices.expand(-1, -1, -1, length, -1)
    if mask.allowed is not None:
        legal = legal & _of_pairs(mask.allowed, everywhere)
    sets = KeySets(indices)
    logits = capped(sets.products(grouped, keys), scoring.softcap)
    if bias is not None:
        logits = logits + _of_pairs(bias, everywhere)
    return [_Part(logits.masked_fill(~legal, -torch.inf), values, sets)]


def _chosen_part(
    grouped: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: Mask,
    scoring: Scoring,
    bias: torch.Tensor | None,
) -> list[_Part]:
    chosen = mask.chosen()
    if chosen is None or chosen[0].shape[-1] == 0:
        return []
    batch, kv_heads, _, length, _ = grouped.shape
    # (B, Hkv, 1 or G, Lq, n): one row set per query head, or one that the whole group shares.
    shape = (batch, kv_heads, chosen[0].shape[1] // kv_heads, length, chosen[0].shape[-1])
    indices, probabilities = chosen[0].clamp(0, mask.num_keys - 1).view(shape), chosen[1].view(shape)
    sets, order = KeySets.of_real_keys(indices, probabilities > 0)
    if sets.indices.shape[-1] == 0:
        return []
    if order is not None:
        probabilities = probabilities.gather(-1, order)
    logits = capped(sets.products(grouped, keys), scoring.softcap)
    if bias is not None:
        logits = logits + _of_pairs(bias, sets.indices)
    logits = torch.where(probabilities > 0, logits - probabilities.log(), -torch.inf)
    return [_Part(logits, values, sets)]


def _of_pairs(pairs: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Take ``(B, 1, Lq, Lk)`` at the key positions ``(B, Hkv, g, Lq, n)``."""
    batch, kv_heads, per_head, length, _ = indices.shape
    return pairs[:, :, None].expand(batch, kv_heads, per_head, length, -1).gather(-1, indices)


def _normalise(logits: torch.Tensor, sink_logits: torch.Tensor | None) -> torch.Tensor:
    """Softmax over the last axis of ``(B, Hkv, G, Lq, n)``; rows without a key give zeros instead of NaN."""
    top = logits.amax(-1, keepdim=True)
    if sink_logits is not None:
        sinks = sink_logits.float().view(1, logits.shape[1], logits.shape[2], 1, 1)
        top = torch.maximum(top, sinks)
    top = torch.where(torch.isfinite(top), top, 0.0)
    weights = (logits - top).exp_()
    total = weights.sum(-1, keepdim=True)
    if sink_logits is not None:
        total = total + torch.exp(sinks - top)
    return weights / torch.where(total > 0, total, 1.0)


def _weighted_sum(weights: torch.Tensor, part: _Part) -> torch.Tensor:
    if part.sets is not None:
        return part.sets.weighted_sum(weights, part.values)
    batch, kv_heads, group, length, count = weights.shape
    flat = weights.reshape(batch, kv_heads, group * length, count)
    return torch.matmul(flat, part.values).view(batch, kv_heads, group, length, -1)
