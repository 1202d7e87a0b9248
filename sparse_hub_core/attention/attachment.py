"""How the attention of one model runs: dense up to the end of the prefix, sparse after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import torch
from transformers import Cache
from transformers.cache_utils import BaseQuantizedLayer, DynamicLayer

from sparse_hub_core.attention.cached_sequence import CachedSequence
from sparse_hub_core.attention.dense import dense_attention, split_attention_mask
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.attention.layer import OBSERVED_QUERIES, Prefix
from sparse_hub_core.attention.reading_ahead import attention_that_reads_ahead, reads_ahead
from sparse_hub_core.errors import ModelError
from sparse_hub_core.masker import Stage

if TYPE_CHECKING:
    from sparse_hub_core.attention.result import AttentionResult
    from sparse_hub_core.attention.sparse_attention import SparseAttention


class Observer(Protocol):
    """Sees every sparse attention call, beside what dense attention gives on the same tensors."""

    def observe(self, layer_idx: int, stage: Stage, result: AttentionResult, dense_output: torch.Tensor) -> None:
        """Take note of one layer's call; ``dense_output`` is ``(B, Hq, Lq, d)``."""


class Recorder(Protocol):
    """Sees what runs densely after the prefix."""

    def record(self, layer_idx: int, queries: torch.Tensor, outputs: torch.Tensor, scoring: Scoring) -> None:
        """Take note of one layer's call; queries and outputs are ``(B, Hq, Lq, d)``."""


class Attachment:
    """How one model's attention runs: dense up to the end of the prefix, sparse after it.

    A stack with prefill maskers reads the prefix sparsely too; one with nothing else decodes densely. What maskers
    remember belongs to a cache, so that several caches, also in several threads, do not mix.
    """

    def __init__(
        self,
        attention: SparseAttention | None,
        prefix_length: int | None = None,
        observer: Observer | None = None,
        unpadded: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        self.attention = attention
        self.prefix_length = prefix_length
        self.observer = observer
        self.unpadded = unpadded
        self.recorder = recorder
        self.full_layers: frozenset[int] = frozenset()
        """The layers of the attached model that attend to the whole sequence; the others stay dense."""
        self._prefix_queries: dict[int, torch.Tensor] = {}
        self._is_given = False
        self._sequences: WeakKeyDictionary[Cache, CachedSequence] = WeakKeyDictionary()

    @property
    def prefix_queries(self) -> dict[int, torch.Tensor]:
        """``(B, Hq, n, d)`` the last queries of each layer's prefix, of the sequence that ran last."""
        return self._prefix_queries

    @prefix_queries.setter
    def prefix_queries(self, of_snapshot: dict[int, torch.Tensor]) -> None:
        """Give those of a snapshot, whose cache comes next."""
        self._prefix_queries, self._is_given = of_snapshot, True

    def forward(
        self,
        layer_idx: int,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scoring: Scoring,
        attention_mask: torch.Tensor | None,
        cache: Cache | None = None,
    ) -> torch.Tensor:
        """Return the attention output ``(B, Hq, Lq, d)`` of one layer."""
        mask = None if self.unpadded else attention_mask
        num_queries, num_keys = queries.shape[2], keys.shape[2]
        first = num_keys - num_queries
        if layer_idx == min(self.full_layers) and self.attention is not None:
            _check_last_keys(mask, first)
        sequence = self._sequence(layer_idx, cache, first, num_keys)
        if layer_idx == max(self.full_layers):
            sequence.note_end(keys)
        num_dense = min(max(sequence.prefix - first, 0), num_queries)
        outputs = []
        if num_dense:
            end = first + num_dense
            _keep_last(sequence, layer_idx, queries[:, :, :num_dense])
            dense_mask = None if mask is None else mask[:, :, :num_dense, :end]
            rows = queries[:, :, :num_dense], keys[:, :, :end], values[:, :, :end]
            outputs.append(self._attend(rows, scoring, dense_mask, layer_idx, "prefill", sequence))
        if num_dense < num_queries:
            rows = queries[:, :, num_dense:], keys, values
            rows_mask = None if mask is None else mask[:, :, num_dense:]
            outputs.append(self._attend(rows, scoring, rows_mask, layer_idx, "decode", sequence))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)

    def _attend(
        self,
        rows: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        scoring: Scoring,
        mask: torch.Tensor | None,
        layer_idx: int,
        stage: Stage,
        sequence: CachedSequence,
    ) -> torch.Tensor:
        """Attend densely where the stack has no masker for this stage, else sparsely and under observation."""
        attention = sequence.attention
        if attention is None or not attention.masks(stage):
            output = dense_of_model(*rows, scoring, mask)
            if self.recorder is not None and stage == "decode":
                self.recorder.record(layer_idx, rows[0], output, scoring)
            return output
        if layer_idx == min(self.full_layers):
            _check_order(mask, rows[0].shape[2])
        prefix = Prefix(sequence.prefix, sequence.prefix_queries.get(layer_idx))
        result = attention.attend(*rows, scoring, mask, layer_idx, prefix, stage)
        if self.observer is not None:
            self.observer.observe(layer_idx, stage, result, dense_of_model(*rows, scoring, mask))
        return result.output

    def _sequence(self, layer_idx: int, cache: Cache | None, first: int, num_keys: int) -> CachedSequence:
        """Return what is remembered of the sequence, found out anew at the first layer of each forward pass."""
        whole = num_keys if first == 0 else first
        prefix = whole if self.prefix_length is None else self.prefix_length
        if cache is None:
            self._check_without_cache()
            return CachedSequence(self._fresh_attention(), prefix)
        if layer_idx != min(self.full_layers):
            return self._sequences[cache]
        sequence = self._sequences.get(cache)
        change = "another" if sequence is None else sequence.change(first, _cached_keys(cache, max(self.full_layers)))
        if sequence is None or change == "another":
            known = self._prefix_queries if first and self._is_given else {}
            sequence = self._sequences[cache] = CachedSequence(self._fresh_attention(), prefix, known)
        elif change == "same prefix":
            sequence.back_to_prefix()
        elif change == "other rows":
            sequence.with_other_rows()
        sequence.length = num_keys
        self._prefix_queries, self._is_given = sequence.prefix_queries, False
        return sequence

    def _fresh_attention(self) -> SparseAttention | None:
        return None if self.attention is None else self.attention.fresh()

    def _check_without_cache(self) -> None:
        """Check that something is sparse where each call is a whole sequence.

        Raises:
            ModelError: All of it would count as the prefix, so that nothing is.
        """
        if self.attention is not None and self.prefix_length is None and not self.attention.masks("prefill"):
            raise ModelError(
                "Without a cache every token is read anew as part of the prompt, which is dense, so nothing would be "
                "sparse; leave out use_cache=False, or say with on(model, prefix_length=n) where the prompt ends."
            )


def _keep_last(sequence: CachedSequence, layer_idx: int, queries: torch.Tensor) -> None:
    """Keep the last queries of the prefix, which some maskers choose by."""
    kept = sequence.prefix_queries.get(layer_idx)
    last = queries[:, :, -OBSERVED_QUERIES:].detach()
    joined = last if kept is None else torch.cat([kept, last], dim=2)[:, :, -OBSERVED_QUERIES:]
    sequence.prefix_queries[layer_idx] = joined.clone()


def _cached_keys(cache: Cache, layer_idx: int) -> torch.Tensor | None:
    """Return the keys ``(B, Hkv, n, d)`` that a cache holds of a layer, None where it does not show them all."""
    layer = cache.layers[layer_idx] if layer_idx < len(cache.layers) else None
    if isinstance(layer, DynamicLayer) and not isinstance(layer, BaseQuantizedLayer) and layer.is_initialized:
        keys: torch.Tensor = layer.keys
        return keys
    return None


def _check_order(attention_mask: torch.Tensor | None, num_queries: int) -> None:
    """Check that the queries that are sparse only read what came before them.

    Raises:
        ModelError: Some read ahead.
    """
    if attention_mask is not None and reads_ahead(
        split_attention_mask(attention_mask, len(attention_mask))[0], num_queries
    ):
        raise ModelError(
            "Some tokens after the prefix read ahead, as those of an image do, which only the dense prefix can; put "
            "them there, and take no stack that reads the prefix sparsely."
        )


def dense_of_model(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    scoring: Scoring,
    attention_mask: torch.Tensor | None,
) -> torch.Tensor:
    """Attend densely under a mask as a model hands it over."""
    allowed, bias = split_attention_mask(attention_mask, queries.shape[0])
    if allowed is not None and reads_ahead(allowed, queries.shape[2]):
        return attention_that_reads_ahead(queries, keys, values, scoring, allowed, bias)
    return dense_attention(queries, keys, values, scoring, allowed, bias)


def _check_last_keys(attention_mask: torch.Tensor | None, first: int) -> None:
    """Check that the last query of each sequence is the last of its keys; only a mask can tell that it is not.

    Raises:
        ModelError: The cache has room after them, or they are padded on the right.
    """
    if attention_mask is None:
        return
    last = attention_mask[:, :, -1, -1]
    if bool((last if last.dtype == torch.bool else last > torch.finfo(last.dtype).min / 2).all()):
        return
    if first:
        raise ModelError(
            "No query may read the last key, as with a static cache, whose end is still empty; sparse attention needs "
            'a cache that grows: a DynamicCache, or generate(cache_implementation="dynamic").'
        )
    raise ModelError(
        "A sequence of this batch is padded on the right, so its answer would begin at padding; pad on the left: "
        'tokenizer.padding_side = "left".'
    )
