"""``SparseAttention``: a stack of maskers that works on plain tensors and on transformers models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sparse_hub_core.attention.engine import Scoring, sparse_attention, split_attention_mask
from sparse_hub_core.attention.layer import Layer
from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.metrics import density
from sparse_hub_core.attention.padding import PaddedMask, first_allowed_keys
from sparse_hub_core.errors import UsageError
from sparse_hub_core.masker import MaskerConfig

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry


@dataclass(frozen=True)
class AttentionResult:
    """What one call of ``SparseAttention`` gives."""

    output: torch.Tensor
    """``(B, Hq, Lq, d)``."""
    mask: Mask | PaddedMask
    num_read: torch.Tensor
    """``(B, Hq, Lq)`` keys read by each query."""
    num_legal: torch.Tensor
    """``(B or 1, 1, Lq)`` keys that each query may read."""

    @property
    def density(self) -> float:
        """The share of the causally legal (query, key) pairs that were read."""
        return density(self.num_read, self.num_legal)


@dataclass
class _Sequence:
    """What the maskers remember of one layer of one sequence."""

    layers: list[Layer]
    length: int
    shape: tuple[int, ...]


class SparseAttention:
    """Attention that reads only the keys its maskers choose.

    What maskers keep between calls (hashes, pages) is per layer and belongs to one sequence batch: call ``reset``
    before another sequence. A call whose queries are not exactly the keys appended since the last call starts afresh.

    Raises:
        UsageError: There is no masker, or something that is no masker config.
    """

    def __init__(self, masker_configs: Sequence[MaskerConfig]) -> None:
        if not masker_configs:
            raise UsageError("SparseAttention needs at least one masker config; without any, no key would be read.")
        for config in masker_configs:
            if not isinstance(config, MaskerConfig):
                raise UsageError(f"SparseAttention takes instances of masker configs, not {config!r}.")
        self.masker_configs = tuple(masker_configs)
        self._maskers = [config.create_masker() for config in masker_configs]
        self._sequences: dict[tuple[int, int], _Sequence] = {}

    @classmethod
    def load(cls, path: str | Path, registry: Registry | None = None) -> SparseAttention:
        """Return the configuration of a ``best.json`` that a search left.

        Raises:
            UsageError: The file is missing or damaged, or names a masker that is not installed.
        """
        from sparse_hub_core.results.best import load_masker_configs

        return cls(load_masker_configs(Path(path), registry))

    def __repr__(self) -> str:
        return f"SparseAttention({list(self.masker_configs)!r})"

    def reset(self) -> None:
        """Forget the sequence: the next call starts afresh."""
        self._sequences.clear()

    def forget(self, layer_idx: int) -> None:
        """Forget the sequence in one layer."""
        self._sequences = {where: kept for where, kept in self._sequences.items() if where[0] != layer_idx}

    def __call__(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scaling: float | None = None,
        attention_mask: torch.Tensor | None = None,
        softcap: float | None = None,
        layer_idx: int = 0,
        sink_logits: torch.Tensor | None = None,
    ) -> AttentionResult:
        """Attend with queries at the last Lq positions of the Lk keys.

        Args:
            queries: ``(B, Hq, Lq, d)``, Hq a multiple of Hkv.
            keys: ``(B, Hkv, Lk, d)``.
            values: ``(B, Hkv, Lk, d)``.
            scaling: Of the logits; 1/sqrt(d) by default.
            attention_mask: ``(B, 1, Lq, Lk)``, additive or boolean with True = may be read.
            softcap: Logits are capped to ``softcap * tanh(logits / softcap)``.
            layer_idx: The layer whose state is used.
            sink_logits: ``(Hq,)`` learned logits that take part in the softmax without a value.

        Raises:
            UsageError: The shapes do not fit together.
        """
        _check_shapes(queries, keys, values, attention_mask)
        scoring = Scoring(queries.shape[-1] ** -0.5 if scaling is None else scaling, softcap, sink_logits)
        return self.attend(queries, keys, values, scoring, attention_mask, layer_idx)

    def attend(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scoring: Scoring,
        attention_mask: torch.Tensor | None,
        layer_idx: int,
        prefix_length: int | None = None,
    ) -> AttentionResult:
        """Attend as ``__call__`` does; ``prefix_length`` says where a new sequence's prefix ends."""
        allowed, bias = split_attention_mask(attention_mask, queries.shape[0])
        starts = first_allowed_keys(allowed)
        if not any(starts):
            return self._attend_row(0, queries, keys, values, scoring, allowed, bias, layer_idx, prefix_length)
        # Left padding: each sequence of the batch is attended to as if it stood alone, so sizes that are shares of
        # the length, sinks and state are what they are without padding.
        results = []
        for row, start in enumerate(starts):
            padding_queries = max(0, start - (keys.shape[2] - queries.shape[2]))
            one = slice(row, row + 1)
            results.append(
                self._attend_row(
                    row,
                    queries[one, :, padding_queries:],
                    keys[one, :, start:],
                    values[one, :, start:],
                    scoring,
                    None if allowed is None else allowed[one, :, padding_queries:, start:],
                    None if bias is None else bias[one, :, padding_queries:, start:],
                    layer_idx,
                    None if prefix_length is None else max(0, prefix_length - start),
                )
            )
        return _stack_rows(results, queries, keys.shape[2])

    def _attend_row(
        self,
        row: int,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scoring: Scoring,
        allowed: torch.Tensor | None,
        bias: torch.Tensor | None,
        layer_idx: int,
        prefix_length: int | None,
    ) -> AttentionResult:
        sequence = self._advance((layer_idx, row), queries, keys, values, scoring, prefix_length)
        mask = Mask.empty(queries, keys, allowed)
        for masker, layer in zip(self._maskers, sequence.layers, strict=True):
            mask = masker.add_mask(layer, queries, mask)
        output, num_read = sparse_attention(queries, keys, values, mask, scoring, bias)
        return AttentionResult(output, mask, num_read, mask.num_legal())

    def _advance(
        self,
        where: tuple[int, int],
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scoring: Scoring,
        prefix_length: int | None,
    ) -> _Sequence:
        """Tell the maskers what is new: a whole prefix, or the keys appended since the last call."""
        num_queries, num_keys = queries.shape[2], keys.shape[2]
        shape = (*queries.shape[:2], *keys.shape[:2], keys.shape[3])
        sequence = self._sequences.get(where)
        if sequence is None or sequence.shape != shape or num_keys - sequence.length != num_queries:
            prefix = num_keys - num_queries if prefix_length is None else min(prefix_length, num_keys)
            layers = [
                Layer(where[0], keys[:, :, :prefix], values[:, :, :prefix], scoring.scaling) for _ in self._maskers
            ]
            sequence = self._sequences[where] = _Sequence(layers, prefix, shape)
            for masker, layer in zip(self._maskers, layers, strict=True):
                masker.on_prefill(layer)
        start, sequence.length = sequence.length, num_keys
        for masker, layer in zip(self._maskers, sequence.layers, strict=True):
            layer.keys, layer.values = keys, values
            if start < num_keys:
                masker.on_append(layer, start)
        return sequence

    @contextmanager
    def on(self, model: torch.nn.Module, prefix_length: int | None = None) -> Iterator[torch.nn.Module]:
        """Run a transformers model with this attention; leaving the block restores the model exactly.

        The prefix is dense, what follows is sparse. A plain prompt is all prefix, so that generation is sparse;
        ``prefix_length`` splits the prompt after so many tokens.

        Raises:
            ModelError: The model does not let its attention be replaced, or has nothing to make sparse.
        """
        from sparse_hub_core.attention.transformers_seam import Attachment, attached

        with attached(model, Attachment(self, prefix_length)):
            self.reset()
            yield model


def _check_shapes(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, attention_mask: torch.Tensor | None
) -> None:
    shapes = f"queries {tuple(queries.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)}"
    if queries.ndim != 4 or keys.ndim != 4 or values.ndim != 4:
        raise UsageError(f"Attention takes (B, H, L, d) tensors, got {shapes}.")
    same = (
        queries.shape[0] == keys.shape[0] and queries.shape[3] == keys.shape[3] and keys.shape[:3] == values.shape[:3]
    )
    if not same or queries.shape[1] % keys.shape[1] or not 1 <= queries.shape[2] <= keys.shape[2]:
        raise UsageError(
            f"Attention needs equal batches and head dimensions, query heads a multiple of KV heads, and at least "
            f"one query and as many keys; got {shapes}."
        )
    if attention_mask is None:
        return
    fits = attention_mask.ndim == 4 and attention_mask.shape[1:] == (1, queries.shape[2], keys.shape[2])
    readable = attention_mask.dtype == torch.bool or attention_mask.is_floating_point()
    if not fits or attention_mask.shape[0] not in (1, queries.shape[0]) or not readable:
        raise UsageError(
            f"The attention mask must be ({queries.shape[0]}, 1, {queries.shape[2]}, {keys.shape[2]}), boolean or "
            f"additive; got {attention_mask.dtype} {tuple(attention_mask.shape)}."
        )


def _stack_rows(results: list[AttentionResult], queries: torch.Tensor, num_keys: int) -> AttentionResult:
    output = queries.new_zeros(*queries.shape[:3], results[0].output.shape[3])
    num_read = torch.zeros(queries.shape[:3], dtype=torch.long, device=queries.device)
    num_legal = torch.zeros((queries.shape[0], 1, queries.shape[2]), dtype=torch.long, device=queries.device)
    for row, result in enumerate(results):
        real = result.output.shape[2]
        if real:
            output[row, :, -real:] = result.output[0]
            num_read[row, :, -real:] = result.num_read[0]
            num_legal[row, :, -real:] = result.num_legal[0]
    masks = tuple(result.mask for result in results if isinstance(result.mask, Mask))
    return AttentionResult(output, PaddedMask(masks, queries.shape[2], num_keys), num_read, num_legal)
