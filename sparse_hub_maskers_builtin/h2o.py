"""H2O: the keys that gathered the most attention so far, and the most recent ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparse_hub_core import Domain, MaskerConfig, Size, loguniform, resolve_size
from sparse_hub_maskers_builtin.live_set import LiveSetMasker


@dataclass(frozen=True)
class H2oConfig(MaskerConfig):
    """A live set per query head: ``heavy_size`` keys of the largest attention sums, and the ``recent_size`` newest.

    Each query reads the live keys and its own, and adds its softmax weights over them to their sums,
    F_j = sum_i softmax_S(q_i k_j). Whatever then exceeds heavy + recent is evicted for good, the lowest sum first, the
    recent keys excepted. https://arxiv.org/abs/2306.14048

    The sums begin with the last 64 queries of the prefix, over all of its keys, because the others are not kept; the
    prefix is then cut to the budget. On plain tensors no queries of the prefix are known: there the first sparse query
    makes the cut, and reads what it leaves. Shares count the keys up to the query, so they grow as it goes on. It keeps
    its own set, whatever sinks or window read beside it.

    Choosing costs the exact logits of the live keys, d multiplications each, beside those of reading them. State: live
    positions and sums, of the budget's size; there is no index of all keys, so ``index_bits_per_key`` is 0.
    """

    budget_field: ClassVar[str] = "heavy_size"

    heavy_size: Size = 0.1
    recent_size: Size = 0.1

    def create_masker(self) -> H2o:
        """Return the masker."""
        return H2o(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, so that one space serves every length."""
        return {"heavy_size": loguniform(0.01, 0.25), "recent_size": loguniform(0.01, 0.25)}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when nothing is ever evicted."""
        if self.budget(num_keys) >= num_keys:
            return (
                f"heavy_size {self.heavy_size} and recent_size {self.recent_size} cover the whole context of "
                f"{num_keys} tokens"
            )
        return None

    def budget(self, num_keys: int) -> int:
        """Return the size of the live set."""
        return min(num_keys, resolve_size(self.heavy_size, num_keys) + resolve_size(self.recent_size, num_keys))

    def max_keys(self, num_keys: int) -> int:
        """Return the size of the live set and the query's own key."""
        return min(num_keys, self.budget(num_keys) + 1)


class H2o(LiveSetMasker):
    """One set per query head, judged by all queries so far."""

    def __init__(self, config: H2oConfig) -> None:
        self.config = config

    def budget(self, num_keys: int) -> int:
        """Return heavy and recent keys together."""
        return self.config.budget(num_keys)

    def num_protected(self, num_keys: int) -> int:
        """Return the number of recent keys."""
        return resolve_size(self.config.recent_size, num_keys)

    def judged(self, scores: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the sums with the query's weights added."""
        return scores + weights
