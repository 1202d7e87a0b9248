"""Dense attention under a mask that lets some queries read what comes after them, as the tokens of an image do."""

from __future__ import annotations

import torch

from sparse_hub_core.attention.engine import Scoring

ROWS = 256
"""Queries at a time, so that their logits stay small beside the keys."""


def reads_ahead(allowed: torch.Tensor | None, num_queries: int) -> bool:
    """Return whether a mask ``(B, 1, Lq, Lk)`` lets a query read a later key; queries are the last positions."""
    if allowed is None or num_queries == 1:
        return False
    first = allowed.shape[3] - num_queries
    return bool(allowed[..., first:].triu(1).any())


def attention_that_reads_ahead(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    scoring: Scoring,
    allowed: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """Attend to exactly what a mask ``(B, 1, Lq, Lk)`` allows, ``(B, Hq, Lq, d)``."""
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (tensor.repeat_interleave(groups, dim=1) for tensor in (keys, values))
    outputs = []
    for start in range(0, queries.shape[2], ROWS):
        rows = slice(start, start + ROWS)
        logits = (queries[:, :, rows] @ keys.transpose(-1, -2)).float() * scoring.scaling
        if scoring.softcap is not None:
            logits = torch.tanh(logits / scoring.softcap) * scoring.softcap
        if bias is not None:
            logits = logits + bias[:, :, rows]
        logits = logits.masked_fill(~allowed[:, :, rows], -torch.inf)
        if scoring.sink_logits is not None:
            sinks = scoring.sink_logits.float()[None, :, None, None].expand(*logits.shape[:3], 1)
            logits = torch.cat([logits, sinks], dim=-1)
        # A query of padding may read nothing.
        weights = logits.softmax(-1).nan_to_num(0.0)[..., : keys.shape[2]]
        outputs.append(weights.to(values.dtype) @ values)
    return torch.cat(outputs, dim=2)
