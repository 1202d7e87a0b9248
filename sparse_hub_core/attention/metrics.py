"""How far sparse attention is from dense attention, and how much of it was read."""

from __future__ import annotations

import torch


def attention_error(output: torch.Tensor, dense_output: torch.Tensor) -> torch.Tensor:
    """Return the relative L2 error of each (batch, head, query): ``(B, Hq, Lq, d)`` twice gives ``(B, Hq, Lq)``."""
    dense_output = dense_output.float()
    difference: torch.Tensor = (output.float() - dense_output).norm(dim=-1)
    length: torch.Tensor = dense_output.norm(dim=-1)
    return difference / length.clamp_min(torch.finfo(torch.float32).tiny)


def density(num_read: torch.Tensor, num_legal: torch.Tensor) -> float:
    """Return the share of causally legal (query, key) pairs that were read.

    Args:
        num_read: ``(B, H, Lq)`` keys read.
        num_legal: ``(B or 1, 1, Lq)`` keys that may be read.
    """
    legal = num_legal.expand_as(num_read).sum().item()
    return float(num_read.sum().item() / legal) if legal else 0.0
