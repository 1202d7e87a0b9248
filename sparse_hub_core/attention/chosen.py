"""Chosen keys as index and probability tensors: joined, widened to query heads, spread over all keys."""

from __future__ import annotations

import torch


def per_query_head(tensor: torch.Tensor, num_query_heads: int) -> torch.Tensor:
    """Return ``(B, H, ...)`` with an entry per query head, where a KV group may share one."""
    group = num_query_heads // tensor.shape[1]
    return tensor if group == 1 else tensor.repeat_interleave(group, dim=1)


def same_heads(*tensors: torch.Tensor, num_query_heads: int) -> list[torch.Tensor]:
    """Return the tensors with equally many heads: as they are where they agree, else one per query head."""
    if len({tensor.shape[1] for tensor in tensors}) == 1:
        return list(tensors)
    return [per_query_head(tensor, num_query_heads) for tensor in tensors]


def without_repeats(indices: torch.Tensor, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the keys of each row sorted; of a key that stands twice, only the larger probability stays above 0."""
    probabilities, order = probabilities.sort(dim=-1, descending=True, stable=True)
    indices, by_key = indices.gather(-1, order).sort(dim=-1, stable=True)
    probabilities = probabilities.gather(-1, by_key)
    repeated = torch.zeros_like(indices, dtype=torch.bool)
    repeated[..., 1:] = indices[..., 1:] == indices[..., :-1]
    return indices, probabilities.masked_fill(repeated, 0.0)


def spread(indices: torch.Tensor, probabilities: torch.Tensor, num_keys: int) -> torch.Tensor:
    """Return ``(B, H, Lq, num_keys)`` float32 with each chosen key's probability at its place."""
    # Padding may point at a key that another entry chose, so it is sent to a column of its own.
    dense = torch.zeros((*indices.shape[:3], num_keys + 1), device=indices.device)
    return dense.scatter_(3, torch.where(probabilities > 0, indices, num_keys), probabilities)[..., :-1]


def count_in_groups(indices: torch.Tensor, real: torch.Tensor, num_kv_heads: int) -> torch.Tensor:
    """Return how many different real keys each KV group's rows name, ``(B, Hkv, Lq)``."""
    batch, heads, length, count = indices.shape
    shape = (batch, num_kv_heads, heads // num_kv_heads, length, count)
    keys = torch.where(real, indices, -1).view(shape).transpose(2, 3).flatten(3).sort(-1).values
    fresh = torch.ones_like(keys, dtype=torch.bool)
    fresh[..., 1:] = keys[..., 1:] != keys[..., :-1]
    return (fresh & (keys >= 0)).sum(-1)
