"""What some queries attended to in all of the keys before them: how stateful maskers judge a prefix, once."""

from __future__ import annotations

import torch

from sparse_hub_core import Layer, every_key_logits

MAX_ELEMENTS = 1 << 25
"""Weights held at a time."""


def observed_attention(layer: Layer, queries: torch.Tensor, allowed: torch.Tensor | None = None) -> torch.Tensor:
    """Return the softmax weights of each key, summed over the queries.

    Args:
        layer: Its keys end with the last query's own.
        queries: ``(B, Hq, n, d)``, the last n positions.
        allowed: ``(B, 1, n, Lk)`` boolean, True = may be read.

    Returns:
        ``(B, Hq, Lk)`` float32.
    """
    batch, heads, count, _ = queries.shape
    num_keys = layer.keys.shape[2]
    total = torch.zeros(batch, heads, num_keys, device=queries.device)
    columns = torch.arange(num_keys, device=queries.device)
    step = max(1, MAX_ELEMENTS // (batch * heads * num_keys))
    for start in range(0, count, step):
        stop = min(start + step, count)
        legal = columns <= columns[num_keys - count + start : num_keys - count + stop, None]
        if allowed is not None:
            legal = legal & allowed[:, :, start:stop]
        logits = every_key_logits(layer, queries[:, :, start:stop]).masked_fill_(~legal, -torch.inf)
        # A padding query may read nothing at all.
        total += torch.softmax(logits, dim=-1).nan_to_num_(nan=0.0).sum(2)
    return total
