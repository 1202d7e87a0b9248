"""Reading chosen rows of keys and values, and their logits, without repeating any head."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from sparse_hub_core.attention.layer import Layer

GATHERED_ELEMENTS = 1 << 19
"""Elements gathered at a time: a buffer that stays in the cache and is used again costs a quarter of a large one."""


def gather_rows(source: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Gather whole rows of ``(B, Hkv, Lk, d)`` at ``(B, Hkv, g, Lq, n)`` into ``(B, Hkv, g, Lq, n, d)``."""
    flat, offsets = _flat_rows(source)
    return flat.index_select(0, (indices + offsets).reshape(-1)).view(*indices.shape, source.shape[3])


def gathered_products(grouped: torch.Tensor, source: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Multiply queries ``(B, Hkv, G, Lq, d)`` with the rows at ``indices``, ``(B, Hkv, G, Lq, n)``.

    Args:
        grouped: The queries of each KV group.
        source: ``(B, Hkv, Lk, d)``.
        indices: ``(B, Hkv, 1 or G, 1 or Lq, n)``; 1 where a group or a block of queries shares its rows.
    """
    products = [_grouped_products(grouped, rows) for _, rows in _pieces(source, indices)]
    if not products:
        return grouped.new_zeros(*grouped.shape[:-1], 0)
    return products[0] if len(products) == 1 else torch.cat(products, dim=-1)


def gathered_sum(weights: torch.Tensor, source: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Sum the rows at ``indices``, weighted by ``(B, Hkv, G, Lq, n)``, into float32 ``(B, Hkv, G, Lq, d)``."""
    total = torch.zeros(*weights.shape[:-1], source.shape[3], device=source.device)
    for piece, rows in _pieces(source, indices):
        total += _weighted(weights[..., piece], rows).float()
    return total


def _pieces(source: torch.Tensor, indices: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield the rows at ``indices`` piece by piece along the last axis."""
    flat, offsets = _flat_rows(source)
    count, head_dim = indices.shape[-1], source.shape[3]
    step = max(1, GATHERED_ELEMENTS * count // max(1, indices.numel() * head_dim))
    places = indices + offsets
    for start in range(0, count, step):
        piece = places[..., start : start + step]
        rows = flat.index_select(0, piece.reshape(-1)).view(*piece.shape, head_dim)
        yield slice(start, start + step), rows


def _flat_rows(source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(B, Hkv, Lk, d)`` as one list of rows, and where each head begins in it, ``(B, Hkv, 1, 1, 1)``.

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
    offsets = (
        torch.arange(batch, device=source.device)[:, None] * batch_rows
        + torch.arange(kv_heads, device=source.device) * head_rows
    )
    return source.as_strided((total, head_dim), (head_dim, 1)), offsets[:, :, None, None, None]


def _weighted(weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    if rows.shape[3] == 1 and weights.shape[3] > 1:
        return torch.matmul(weights, rows[:, :, :, 0])
    if rows.shape[2] == 1:
        return torch.matmul(weights.transpose(2, 3), rows[:, :, 0]).transpose(2, 3)
    return torch.matmul(weights[..., None, :], rows)[..., 0, :]


def _grouped_products(grouped: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Multiply queries with rows, ``(B, Hkv, G, Lq, n)``.

    Args:
        grouped: ``(B, Hkv, G, Lq, d)`` queries.
        rows: ``(B, Hkv, 1 or G, 1 or Lq, n, d)``; 1 where a group or a block of queries shares them.
    """
    if rows.shape[3] == 1 and grouped.shape[3] > 1:
        return torch.matmul(grouped, rows[:, :, :, 0].transpose(-1, -2))
    if rows.shape[2] == 1:
        return torch.matmul(grouped.transpose(2, 3), rows[:, :, 0].transpose(-1, -2)).transpose(2, 3)
    return torch.matmul(grouped[..., None, :], rows.transpose(-1, -2))[..., 0, :]


def power_of_two(scaling: float) -> float:
    """Return the largest power of two that is no larger than the scale.

    It is exact in every format, and keeps large half-precision products from overflowing.
    """
    return math.ldexp(0.5, math.frexp(scaling)[1])


def to_logits(products: torch.Tensor, scaling: float, softcap: float | None) -> torch.Tensor:
    """Return float32 logits of products whose queries were scaled by ``power_of_two(scaling)``."""
    logits = products.float() * (scaling / power_of_two(scaling))
    return logits if softcap is None else torch.tanh(logits / softcap) * softcap


def key_logits(layer: Layer, queries: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return the attention logits of chosen keys, which costs reading just these.

    Args:
        layer: Whose keys are read; its scale and soft cap are applied.
        queries: ``(B, Hq, Lq, d)``.
        indices: ``(B, Hq or Hkv, Lq, n)`` key positions.

    Returns:
        ``(B, Hq, Lq, n)`` float32.
    """
    batch, heads, length, head_dim = queries.shape
    kv_heads, count = layer.keys.shape[1], indices.shape[-1]
    grouped = (queries * power_of_two(layer.scaling)).reshape(batch, kv_heads, heads // kv_heads, length, head_dim)
    indices = indices.reshape(batch, kv_heads, indices.shape[1] // kv_heads, length, count)
    products = gathered_products(grouped, layer.keys, indices).reshape(batch, heads, length, count)
    return to_logits(products, layer.scaling, layer.softcap)


def every_key_logits(layer: Layer, queries: torch.Tensor) -> torch.Tensor:
    """Return the logits of every key, ``(B, Hq, Lq, Lk)`` float32: what an exact selector pays for."""
    batch, heads, length, head_dim = queries.shape
    kv_heads = layer.keys.shape[1]
    rows = (queries * power_of_two(layer.scaling)).reshape(batch, kv_heads, heads // kv_heads * length, head_dim)
    products = torch.matmul(rows, layer.keys.transpose(-1, -2)).view(batch, heads, length, -1)
    return to_logits(products, layer.scaling, layer.softcap)
