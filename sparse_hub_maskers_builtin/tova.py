"""TOVA: the key that the current query attends to least makes room for the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparse_hub_core import Domain, MaskerConfig, Size, covers_context, loguniform, resolve_size
from sparse_hub_maskers_builtin.live_set import LiveSetMasker


@dataclass(frozen=True)
class TovaConfig(MaskerConfig):
    """A live set of ``cache_size`` keys per layer: whenever one more enters, the least attended one leaves for good.

    Each query reads the live keys and its own; then the keys of the lowest weight mean_h softmax_S(q_h k_j), averaged
    over all query heads, are evicted until the budget holds, the query's own key excepted (the authors' code lets it
    compete; its weight is hardly ever the lowest). https://arxiv.org/abs/2401.06104

    The prefix is cut to the budget by the weights of its last query. On plain tensors that is not known: there the
    first sparse query makes the cut, and reads what it leaves. A share counts the keys up to the query, so it grows as
    it goes on. It keeps its own set, whatever sinks or window read beside it.

    Choosing costs the exact logits of the live keys, d multiplications each and query head, beside those of reading
    them. State: live positions, of the budget's size; there is no index of all keys, so ``index_bits_per_key`` is 0.
    """

    budget_field: ClassVar[str] = "cache_size"
    known_failures: ClassVar[dict[str, str]] = {"groups_are_independent": "all heads of a layer share one live set"}

    cache_size: Size = 0.1

    def create_masker(self) -> Tova:
        """Return the masker."""
        return Tova(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, so that one space serves every length."""
        return {"cache_size": loguniform(0.01, 0.5)}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when nothing is ever evicted."""
        return covers_context("cache_size", self.cache_size, num_keys)

    def max_keys(self, num_keys: int) -> int:
        """Return the size of the live set and the query's own key."""
        return min(num_keys, resolve_size(self.cache_size, num_keys) + 1)


class Tova(LiveSetMasker):
    """One set per layer, judged by the last query alone."""

    observed: ClassVar[int] = 1

    def __init__(self, config: TovaConfig) -> None:
        self.config = config

    def budget(self, num_keys: int) -> int:
        """Return the size of the live set."""
        return resolve_size(self.config.cache_size, num_keys)

    def num_protected(self, num_keys: int) -> int:
        """Return the query's own key."""
        return 1

    def judged(self, scores: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the query's weights, averaged over all heads."""
        return weights.mean(1, keepdim=True)
