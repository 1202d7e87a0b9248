"""Reading chosen rows of keys and values, and their logits, without repeating any head."""

from __future__ import annotations

import math

import torch

from sparse_hub_core.attention.layer import Layer


def gather_rows(source: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
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


def grouped_products(grouped: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
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
    rows = gather_rows(layer.keys, indices.reshape(batch, kv_heads, indices.shape[1] // kv_heads, length, count))
    products = grouped_products(grouped, rows).reshape(batch, heads, length, count)
    return to_logits(products, layer.scaling, layer.softcap)


def every_key_logits(layer: Layer, queries: torch.Tensor) -> torch.Tensor:
    """Return the logits of every key, ``(B, Hq, Lq, Lk)`` float32: what an exact selector pays for."""
    batch, heads, length, head_dim = queries.shape
    kv_heads = layer.keys.shape[1]
    rows = (queries * power_of_two(layer.scaling)).reshape(batch, kv_heads, heads // kv_heads * length, head_dim)
    products = torch.matmul(rows, layer.keys.transpose(-1, -2)).view(batch, heads, length, -1)
    return to_logits(products, layer.scaling, layer.softcap)
