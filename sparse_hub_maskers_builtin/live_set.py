"""A set of keys that each new key enters and the least worthy key leaves for good: what H2O and TOVA share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch
from torch.nn.functional import pad

from sparse_hub_core import OBSERVED_QUERIES, Layer, Mask, Masker, gather_rows
from sparse_hub_maskers_builtin.observed_attention import observed_attention

GATHERED_ELEMENTS = 1 << 19
"""Elements gathered at a time: a small buffer stays in the cache."""
MAX_ROWS = 32
"""Queries taken together: their keys are gathered once."""


class LiveSetMasker(Masker):
    """Each query reads the live keys and its own; whatever then exceeds the budget is evicted, the least worthy first.

    State per layer: the ``live`` positions ``(B, H, n)`` in rising order, their ``scores``, and the ``end`` up to
    which keys have entered; n is the budget. A step costs what n keys cost, however long the sequence is: only the
    prefix's end looks at all keys.
    """

    observed: ClassVar[int] = OBSERVED_QUERIES
    """How many of the prefix's last queries judge its keys."""

    @abstractmethod
    def budget(self, num_keys: int) -> int:
        """Return how many of so many keys stay live; it never falls as keys come."""

    @abstractmethod
    def num_protected(self, num_keys: int) -> int:
        """Return how many of the newest keys cannot be evicted, fewer than the budget where that is not all keys."""

    @abstractmethod
    def judged(self, scores: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the new scores ``(B, H, n)`` after one more query, whose softmax weights are ``(B, Hq, n)``."""

    def on_prefill(self, layer: Layer) -> None:
        """Cut the prefix to the budget, where its own queries are known."""
        layer.state.clear()
        if layer.prefix_queries is not None and layer.keys.shape[2]:
            self._begin(layer, layer.prefix_queries[:, :, -self.observed :])

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add what is live, query by query."""
        parts, done = [], 0
        if "live" not in layer.state:
            # Nobody has judged the prefix yet, so the first query does, and reads what it leaves live.
            end = mask.num_keys - mask.num_queries + 1
            allowed = None if mask.allowed is None else mask.allowed[:, :, :1, :end]
            self._begin(replace(layer, keys=layer.keys[:, :, :end]), queries[:, :, :1], allowed)
            live = layer.state["live"][:, :, None]
            parts.append((live, torch.ones(live.shape, device=live.device)))
            done = 1
        for start in range(done, mask.num_queries, MAX_ROWS):
            parts.append(self._advance(layer, queries, mask, slice(start, min(start + MAX_ROWS, mask.num_queries))))
        widest = max(indices.shape[-1] for indices, _ in parts)
        # H may be 1, for a set that all heads share.
        heads = max(parts[0][0].shape[1], mask.num_kv_heads)
        indices, probabilities = (
            torch.cat([pad(part[which], (0, widest - part[which].shape[-1])) for part in parts], dim=2)
            for which in (0, 1)
        )
        return mask.with_keys(indices.expand(-1, heads, -1, -1), probabilities.expand(-1, heads, -1, -1))

    def _begin(self, layer: Layer, queries: torch.Tensor, allowed: torch.Tensor | None = None) -> None:
        """Keep the best of all keys, judged by the last queries together."""
        num_keys = layer.keys.shape[2]
        weights = observed_attention(layer, queries, allowed)
        scores = self.judged(torch.zeros_like(weights), weights)
        newest = torch.arange(num_keys, device=queries.device) >= num_keys - self.num_protected(num_keys)
        best = scores.masked_fill(newest, torch.inf).topk(self.budget(num_keys), dim=-1, sorted=False).indices
        live = best.sort(dim=-1).values
        layer.state.update(live=live, scores=scores.gather(-1, live), end=num_keys)

    def _advance(
        self, layer: Layer, queries: torch.Tensor, mask: Mask, rows: slice
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Let the keys up to the last of these queries enter, one query after another.

        Returns:
            The keys that are live for any of the queries and which of them each one reads, ``(B, H, rows, n)``.
        """
        live, end = layer.state["live"], layer.state["end"]
        first = mask.num_keys - mask.num_queries
        entering = torch.arange(end, first + rows.stop, device=live.device)
        keys = torch.cat([live, entering.expand(*live.shape[:2], -1)], dim=-1)
        scores = pad(layer.state["scores"], (0, len(entering)))
        logits = self._logits(layer, queries, mask, rows, keys)
        alive = torch.arange(keys.shape[-1], device=live.device).expand(keys.shape) < live.shape[-1]
        read = []
        num_live = entered = live.shape[-1]
        for row, position in enumerate(range(first + rows.start, first + rows.stop)):
            present = live.shape[-1] + position + 1 - end
            alive[..., entered:present] = True
            num_live, entered = num_live + present - entered, present
            weights = torch.softmax(logits[:, :, row].masked_fill(~alive, -torch.inf), dim=-1).nan_to_num_(nan=0.0)
            scores = self.judged(scores, weights)
            read.append(alive.clone())
            evictable = alive & (keys <= position - self.num_protected(position + 1))
            for _ in range(num_live - self.budget(position + 1)):
                worst = scores.masked_fill(~evictable, torch.inf).argmin(-1, keepdim=True)
                alive.scatter_(-1, worst, False)
                evictable.scatter_(-1, worst, False)
            num_live = min(num_live, self.budget(position + 1))
        shape = (*live.shape[:2], num_live)
        layer.state.update(live=keys[alive].view(shape), scores=scores[alive].view(shape), end=first + rows.stop)
        return keys[:, :, None].expand(-1, -1, len(read), -1), torch.stack(read, dim=2).float()

    def _logits(self, layer: Layer, queries: torch.Tensor, mask: Mask, rows: slice, keys: torch.Tensor) -> torch.Tensor:
        """Return the logits of the keys ``(B, H, n)`` for some queries, ``(B, Hq, rows, n)`` float32."""
        batch, heads, count = keys.shape
        kv_heads, head_dim = layer.keys.shape[1], queries.shape[-1]
        shared = max(1, heads // kv_heads)
        places = keys.expand(-1, max(heads, kv_heads), -1).reshape(batch, kv_heads, shared, 1, count)
        wanted = (queries[:, :, rows].float() * layer.scaling).reshape(batch, kv_heads, shared, -1, head_dim)
        products = wanted.new_empty(*wanted.shape[:4], count)
        step = max(1, GATHERED_ELEMENTS // (places[..., 0].numel() * head_dim))
        for start in range(0, count, step):
            # In float32, so that keys of nearly equal weight are told apart alike in a chunk and in single steps.
            gathered = gather_rows(layer.keys, places[..., start : start + step])[:, :, :, 0].float()
            products[..., start : start + step] = wanted @ gathered.transpose(-1, -2)
        logits = products.view(batch, mask.num_query_heads, -1, count)
        if layer.softcap is not None:
            logits = torch.tanh(logits / layer.softcap) * layer.softcap
        if mask.allowed is not None:
            of_rows = mask.allowed[:, :, rows].expand(-1, heads, -1, -1)
            allowed = of_rows.gather(3, keys[:, :, None].expand(-1, -1, of_rows.shape[2], -1))
            logits = logits.masked_fill(~allowed, -torch.inf)
        return logits
