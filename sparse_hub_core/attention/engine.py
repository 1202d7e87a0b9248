"""Masked attention whose cost follows the keys that are read, and the dense attention it is compared with.

Masked attention is self-normalised importance sampling: a key with inclusion probability p enters the softmax with
its logit minus log p. Sink tokens and local windows are read as slices, chosen keys as whole gathered rows; keys and
values are never repeated for grouped queries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

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
    """The logits of some keys, ``(B, Hkv, G, Lq, n)``, and their values: ``(B, Hkv, n, d)`` or per row."""

    logits: torch.Tensor
    values: torch.Tensor
    shared_by_rows: bool


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


def dense_attention(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    scoring: Scoring,
    allowed: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Attend causally to all keys; shapes as in ``sparse_attention``, returns ``(B, Hq, Lq, d)``."""
    plain = scoring.softcap is None and scoring.sink_logits is None and allowed is None and bias is None
    if plain and queries.shape[2] == keys.shape[2]:
        return functional.scaled_dot_product_attention(
            queries, keys, values, is_causal=True, scale=scoring.scaling, enable_gqa=True
        )
    everything = Mask.empty(queries, keys, allowed).with_prefix(keys.shape[2])
    return sparse_attention(queries, keys, values, everything, scoring, bias)[0]


def split_attention_mask(
    attention_mask: torch.Tensor | None, batch_size: int
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return what may be read, and what is to be added to the logits; None where it changes nothing."""
    if attention_mask is None:
        return None, None
    attention_mask = attention_mask.expand(batch_size, -1, -1, -1)
    if attention_mask.dtype == torch.bool:
        return attention_mask, None
    allowed = attention_mask > torch.finfo(attention_mask.dtype).min / 2
    bias = torch.where(allowed, attention_mask, 0.0)
    return allowed, bias if bool(bias.any()) else None


def _query_block(mask: Mask, head_dim: int) -> int:
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
    batch, heads, length, head_dim = queries.shape
    kv_heads = keys.shape[1]
    # A power of two is exact in every format, and keeps large half-precision products from overflowing.
    shrunk = queries * _power_of_two(scoring.scaling)
    grouped = shrunk.reshape(batch, kv_heads, heads // kv_heads, length, head_dim)
    parts = [
        *_slice_parts(grouped, keys, values, mask, scoring, bias),
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
    count = torch.isfinite(logits).sum(-1)
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
    products = torch.matmul(rows, keys[:, :, start:stop].transpose(-1, -2))
    logits = _logits(products, scoring).view(batch, kv_heads, group, length, stop - start)
    if bias is not None:
        logits = logits + bias[:, :, None, :, start:stop]
    legal = _span_legality(mask, start, stop, windowed)
    if legal is not None:
        logits = logits.masked_fill(~legal, -torch.inf)
    return _Part(logits, values[:, :, start:stop], shared_by_rows=True)


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


def _chosen_part(
    grouped: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: Mask,
    scoring: Scoring,
    bias: torch.Tensor | None,
) -> list[_Part]:
    chosen = mask.chosen_probabilities()
    if chosen is None or mask.indices is None or chosen.shape[-1] == 0:
        return []
    batch, kv_heads, _, length, _ = grouped.shape
    count = chosen.shape[-1]
    indices = mask.indices.clamp(0, mask.num_keys - 1)
    per_head = chosen.shape[1] // kv_heads
    # (B, Hkv, 1 or G, Lq, n): one row set per query head, or one that the whole group shares.
    indices = indices.view(batch, kv_heads, per_head, length, count)
    chosen_keys, chosen_values = _gather_rows(keys, indices), _gather_rows(values, indices)
    if per_head == 1:
        rows = grouped.transpose(2, 3)
        products = torch.matmul(rows, chosen_keys[:, :, 0].transpose(-1, -2)).transpose(2, 3)
    else:
        products = torch.matmul(grouped[..., None, :], chosen_keys.transpose(-1, -2))[..., 0, :]
    logits = _logits(products, scoring)
    if bias is not None:
        rows_bias = bias[:, :, None].expand(batch, kv_heads, per_head, length, -1)
        logits = logits + rows_bias.gather(-1, indices)
    chosen = chosen.view(batch, kv_heads, per_head, length, count)
    logits = torch.where(chosen > 0, logits - chosen.log(), -torch.inf)
    return [_Part(logits, chosen_values, shared_by_rows=False)]


def _gather_rows(source: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Gather whole rows of ``(B, Hkv, Lk, d)`` at ``(B, Hkv, g, Lq, n)`` into ``(B, Hkv, g, Lq, n, d)``.

    One ``index_select`` over the flat storage copies whole rows, several times faster than ``gather``; the strides
    are used so that a cache with spare room at its end is not copied first.
    """
    batch, kv_heads, length, head_dim = source.shape
    strides = source.stride()
    if strides[3] != 1 or strides[2] != head_dim or strides[0] % head_dim or strides[1] % head_dim:
        source = source.contiguous()
        strides = source.stride()
    batch_rows, head_rows = strides[0] // head_dim, strides[1] // head_dim
    total = (batch - 1) * batch_rows + (kv_heads - 1) * head_rows + length
    flat = source.as_strided((total, head_dim), (head_dim, 1))
    offsets = (
        torch.arange(batch, device=source.device)[:, None] * batch_rows
        + torch.arange(kv_heads, device=source.device) * head_rows
    )
    rows = flat.index_select(0, (indices + offsets[:, :, None, None, None]).reshape(-1))
    return rows.view(*indices.shape, head_dim)


def _logits(products: torch.Tensor, scoring: Scoring) -> torch.Tensor:
    logits = products.float() * (scoring.scaling / _power_of_two(scoring.scaling))
    return logits if scoring.softcap is None else torch.tanh(logits / scoring.softcap) * scoring.softcap


def _power_of_two(scaling: float) -> float:
    """Return the largest power of two that is no larger than the scale."""
    return math.ldexp(0.5, math.frexp(scaling)[1])


def _normalise(logits: torch.Tensor, sink_logits: torch.Tensor | None) -> torch.Tensor:
    """Softmax over the last axis of ``(B, Hkv, G, Lq, n)``; rows without a key give zeros instead of NaN."""
    top = logits.amax(-1, keepdim=True)
    if sink_logits is not None:
        sinks = sink_logits.float().view(1, logits.shape[1], logits.shape[2], 1, 1)
        top = torch.maximum(top, sinks)
    top = torch.where(torch.isfinite(top), top, 0.0)
    weights = torch.exp(logits - top)
    total = weights.sum(-1, keepdim=True)
    if sink_logits is not None:
        total = total + torch.exp(sinks - top)
    return weights / torch.where(total > 0, total, 1.0)


def _weighted_sum(weights: torch.Tensor, part: _Part) -> torch.Tensor:
    batch, kv_heads, group, length, count = weights.shape
    if part.shared_by_rows:
        flat = weights.reshape(batch, kv_heads, group * length, count)
        return torch.matmul(flat, part.values).view(batch, kv_heads, group, length, -1)
    if part.values.shape[2] == 1:
        return torch.matmul(weights.transpose(2, 3), part.values[:, :, 0]).transpose(2, 3)
    return torch.matmul(weights[..., None, :], part.values)[..., 0, :]
