"""``SparseAttention``: a stack of maskers that works on plain tensors and on transformers models."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sparse_hub_core.attention.dense import dense_attention, split_attention_mask
from sparse_hub_core.attention.engine import Scoring, sparse_attention
from sparse_hub_core.attention.layer import Layer, Prefix
from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.padding import first_allowed_keys
from sparse_hub_core.attention.result import CACHE_BITS, AttentionResult, stack_rows
from sparse_hub_core.attention.shapes import check_shapes
from sparse_hub_core.errors import UsageError
from sparse_hub_core.masker import Masker, MaskerConfig, Stage

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry


@dataclass(frozen=True)
class _Call:
    """The arguments of one attention call."""

    queries: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    allowed: torch.Tensor | None
    bias: torch.Tensor | None
    scoring: Scoring
    layer_idx: int
    prefix: Prefix | None

    def layer(self, length: int | None = None) -> Layer:
        """Return what maskers see of the first ``length`` keys, of all by default."""
        scoring, queries = self.scoring, None if self.prefix is None else self.prefix.queries
        keys, values = self.keys[:, :, :length], self.values[:, :, :length]
        return Layer(self.layer_idx, keys, values, scoring.scaling, scoring.softcap, queries)

    def unpadded_row(self, row: int, start: int) -> _Call:
        """Return the call of one sequence of the batch, whose first ``start`` keys are padding."""
        one = slice(row, row + 1)
        first = max(0, start - (self.keys.shape[2] - self.queries.shape[2]))
        prefix = self.prefix
        if prefix is not None:
            length = max(0, prefix.length - start)
            queries = None if prefix.queries is None else prefix.queries[one, :, -length:] if length else None
            prefix = Prefix(length, queries)
        return replace(
            self,
            queries=self.queries[one, :, first:],
            keys=self.keys[one, :, start:],
            values=self.values[one, :, start:],
            allowed=None if self.allowed is None else self.allowed[one, :, first:, start:],
            bias=None if self.bias is None else self.bias[one, :, first:, start:],
            prefix=prefix,
        )


@dataclass
class _Stack:
    """The maskers of one stage, in order."""

    configs: list[MaskerConfig] = field(default_factory=list)
    maskers: list[Masker] = field(default_factory=list)

    def add(self, config: MaskerConfig, masker: Masker) -> None:
        self.configs.append(config)
        self.maskers.append(masker)

    @property
    def reads(self) -> bool:
        """Whether any masker can add keys; where none can, everything is read."""
        return any(masker.adds_keys for masker in self.maskers)

    def leaves_dense(self, layer_idx: int) -> bool:
        return any(masker.reads_everything(layer_idx) for masker in self.maskers)

    def selector_bits(self, head_dim: int) -> float:
        """Return the bits that choosing reads per key and KV head; keys that several score are read once."""
        exact = CACHE_BITS * head_dim if any(config.scores_every_key for config in self.configs) else 0
        return exact + sum(config.index_bits_per_key(head_dim) for config in self.configs)


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
        self._stages: dict[Stage, _Stack] = {"prefill": _Stack(), "decode": _Stack()}
        for config in masker_configs:
            masker = config.create_masker()
            self._stages[masker.stage].add(config, masker)
        self._sequences: dict[tuple[int, int], _Sequence] = {}

    @classmethod
    def load(cls, path: str | Path, registry: Registry | None = None) -> SparseAttention:
        """Return the configuration of a ``best.json``, of a published ``card.json``, or of the folder of a cell.

        Raises:
            UsageError: The file is missing or damaged, or names a masker that is not installed.
        """
        from sparse_hub_core.results.best import load_masker_configs

        return cls(load_masker_configs(Path(path), registry))

    def __repr__(self) -> str:
        return f"SparseAttention({list(self.masker_configs)!r})"

    def fresh(self) -> SparseAttention:
        """Return an attention of the same maskers that remembers nothing."""
        other = copy.copy(self)
        other._sequences = {}
        return other

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

        A call with as many queries as keys is a prefill for a stack that has prefill maskers.

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
        check_shapes(queries, keys, values, attention_mask)
        scoring = Scoring(queries.shape[-1] ** -0.5 if scaling is None else scaling, softcap, sink_logits)
        stage: Stage = "prefill" if self.masks("prefill") and queries.shape[2] == keys.shape[2] else "decode"
        return self.attend(queries, keys, values, scoring, attention_mask, layer_idx, stage=stage)

    def masks(self, stage: Stage) -> bool:
        """Return whether any masker is for this stage; where none is, its queries read everything."""
        return self._stages[stage].reads

    def attend(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scoring: Scoring,
        attention_mask: torch.Tensor | None,
        layer_idx: int,
        prefix: Prefix | None = None,
        stage: Stage = "decode",
    ) -> AttentionResult:
        """Attend as ``__call__`` does.

        Args:
            queries: ``(B, Hq, Lq, d)``.
            keys: ``(B, Hkv, Lk, d)``.
            values: ``(B, Hkv, Lk, d)``.
            scoring: Scale, soft cap and learned sinks.
            attention_mask: ``(B, 1, Lq, Lk)``, additive or boolean.
            layer_idx: The layer whose state is used.
            prefix: What is known of a new sequence's prefix; all keys before the queries by default.
            stage: Whether the queries are the prefix's own.
        """
        if stage == "prefill":
            self.forget(layer_idx)
        allowed, bias = split_attention_mask(attention_mask, queries.shape[0])
        starts = first_allowed_keys(allowed)
        call = _Call(queries, keys, values, allowed, bias, scoring, layer_idx, prefix)
        if not any(starts):
            return self._attend_row(0, call, stage)
        # Left padding: each sequence of the batch is attended to as if it stood alone, so sizes that are shares of
        # the length, sinks and state are what they are without padding.
        results = [self._attend_row(row, call.unpadded_row(row, start), stage) for row, start in enumerate(starts)]
        return stack_rows(results, queries, keys.shape[2])

    def _attend_row(self, row: int, call: _Call, stage: Stage) -> AttentionResult:
        stack, mask = self._stages[stage], Mask.empty(call.queries, call.keys, call.allowed)
        tensors = call.queries, call.keys, call.values
        if not stack.reads or any(one.leaves_dense(call.layer_idx) for one in self._stages.values()):
            mask, num_legal = mask.with_prefix(mask.num_keys), mask.num_legal()
            output = dense_attention(*tensors, call.scoring, call.allowed, call.bias)
            return AttentionResult(output, mask, num_legal.expand(output.shape[:3]), num_legal)
        layers = self._advance(row, call) if stage == "decode" else [call.layer() for _ in stack.maskers]
        for masker, layer in zip(stack.maskers, layers, strict=True):
            mask = masker.add_mask(layer, call.queries, mask)
        output, num_read = sparse_attention(*tensors, mask, call.scoring, call.bias)
        row_bits = CACHE_BITS * (call.keys.shape[3] + call.values.shape[3])
        selector_share = stack.selector_bits(call.keys.shape[3]) / row_bits
        return AttentionResult(output, mask, num_read, mask.num_legal(), selector_share)

    def _advance(self, row: int, call: _Call) -> list[Layer]:
        """Tell the maskers what is new: a whole prefix, or the keys appended since the last call."""
        where, maskers = (call.layer_idx, row), self._stages["decode"].maskers
        num_queries, num_keys = call.queries.shape[2], call.keys.shape[2]
        shape = (*call.queries.shape[:2], *call.keys.shape[:2], call.keys.shape[3])
        sequence = self._sequences.get(where)
        if sequence is None or sequence.shape != shape or num_keys - sequence.length != num_queries:
            length = num_keys - num_queries if call.prefix is None else min(call.prefix.length, num_keys)
            layers = [call.layer(length) for _ in maskers]
            sequence = self._sequences[where] = _Sequence(layers, length, shape)
            for masker, layer in zip(maskers, layers, strict=True):
                masker.on_prefill(layer)
        start, sequence.length = sequence.length, num_keys
        for masker, layer in zip(maskers, sequence.layers, strict=True):
            layer.keys, layer.values = call.keys, call.values
            if start < num_keys:
                masker.on_append(layer, start)
        return sequence.layers

    @contextmanager
    def on(self, model: torch.nn.Module, prefix_length: int | None = None) -> Iterator[torch.nn.Module]:
        """Run a transformers model with this attention; leaving the block restores the model exactly.

        The prefix is dense, what follows is sparse. A plain prompt is all prefix, so that generation is sparse;
        ``prefix_length`` splits the prompt after so many tokens. What maskers remember belongs to the cache that a
        call is given, so one attention may run several models, and a model several conversations, also in threads;
        but a model runs one attention at a time.

        Raises:
            ModelError: The model does not let its attention be replaced, or has nothing to make sparse.
            UsageError: The prefix has a negative length.
        """
        if prefix_length is not None and prefix_length < 0:
            raise UsageError(
                f"A prefix cannot have {prefix_length} tokens; give 0 or more, or leave prefix_length out."
            )
        from sparse_hub_core.attention.attachment import Attachment
        from sparse_hub_core.attention.transformers_seam import attached

        with attached(model, Attachment(self, prefix_length)):
            yield model
