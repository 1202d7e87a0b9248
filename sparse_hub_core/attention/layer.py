"""What a masker sees of one attention layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class Layer:
    """One layer of one sequence batch; ``state`` belongs to one masker and lives as long as the sequence."""

    index: int
    keys: torch.Tensor
    """``(B, Hkv, Lk, d)``, after the rotary embedding."""
    values: torch.Tensor
    """``(B, Hkv, Lk, d)``."""
    scaling: float
    state: dict[str, Any] = field(default_factory=dict)
