"""What a masker sees of one attention layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

OBSERVED_QUERIES = 64
"""So many of the prefix's last queries are kept for maskers that choose by them."""


@dataclass(frozen=True)
class Prefix:
    """The dense prefix of a new sequence."""

    length: int
    queries: torch.Tensor | None = None
    """``(B, Hq, n, d)`` its last queries."""


@dataclass
class Layer:
    """One layer of one sequence batch; ``state`` belongs to one masker and lives as long as the sequence."""

    index: int
    keys: torch.Tensor
    """``(B, Hkv, Lk, d)``, after the rotary embedding."""
    values: torch.Tensor
    """``(B, Hkv, Lk, d)``."""
    scaling: float
    softcap: float | None = None
    prefix_queries: torch.Tensor | None = None
    """``(B, Hq, n, d)`` the last queries of the prefix, at most ``OBSERVED_QUERIES``; None on plain tensors."""
    state: dict[str, Any] = field(default_factory=dict)
