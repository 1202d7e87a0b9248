"""Exact top-p: as many keys as it takes to hold a share of the attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt, Le

from sparse_hub_core import Domain, Layer, Mask, Masker, MaskerConfig, every_key_logits, uniform


@dataclass(frozen=True)
class OracleTopPConfig(MaskerConfig):
    """The smallest set of keys whose share of the softmax mass reaches ``top_p``, per query head.

    The share is of the mass that the mask does not hold yet: with w_j = exp(s_j) over unread keys in falling order,
    the first n with sum(w_1..w_n) >= top_p * sum(w). Heads that look at few keys read few. It scores every key
    exactly, so choosing costs all of K, d multiplications per key and a sort, and no state: a bound, not a method.

    Where every legal key is read already, nothing is added (the public reference then adds the whole row, future
    keys included), and sums are in float32, not in the model's precision.
    """

    budget_field: ClassVar[str] = "top_p"
    scores_every_key: ClassVar[bool] = True

    top_p: Annotated[float, Gt(0), Le(1)] = 0.9

    def create_masker(self) -> OracleTopP:
        """Return the masker."""
        return OracleTopP(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return from half of the mass to nearly all of it."""
        return {"top_p": uniform(0.5, 0.99)}


class OracleTopP(Masker):
    """Keeps no state."""

    def __init__(self, config: OracleTopPConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the smallest set of keys that holds the share."""
        scores = mask.hide_read(every_key_logits(layer, queries)).sort(dim=-1, descending=True)
        unread = scores.values > -torch.inf
        if self.config.top_p < 1.0:
            weights = torch.exp(scores.values - scores.values[..., :1].nan_to_num(neginf=0.0))
            sums = weights.cumsum(-1)
            unread &= sums - weights < self.config.top_p * sums[..., -1:]
        longest = int(unread.sum(-1).max())
        return mask.with_keys(scores.indices[..., :longest], unread[..., :longest].float(), unread=True)
