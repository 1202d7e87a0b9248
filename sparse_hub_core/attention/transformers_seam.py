"""The one file that knows how transformers lets attention be replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from sparse_hub_core.attention.dense import dense_attention, split_attention_mask
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.attention.layer import OBSERVED_QUERIES, Prefix
from sparse_hub_core.errors import ModelError
from sparse_hub_core.masker import Stage

if TYPE_CHECKING:
    from sparse_hub_core.attention.result import AttentionResult
    from sparse_hub_core.attention.sparse_attention import SparseAttention

IMPLEMENTATION = "sparse_hub"
_ATTRIBUTE = "sparse_hub_attachment"


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

    A stack with prefill maskers reads the prefix sparsely too; one with nothing else decodes densely.
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
        self.prefix_queries: dict[int, torch.Tensor] = {}
        """``(B, Hq, n, d)`` the last queries of each layer's prefix, seen here or put in from a snapshot."""
        self._prefix_of_layer: dict[int, int] = {}
        self._length_of_layer: dict[int, int] = {}

    def forward(
        self,
        layer_idx: int,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scoring: Scoring,
        attention_mask: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return the attention output ``(B, Hq, Lq, d)`` of one layer."""
        mask = None if self.unpadded else attention_mask
        if self.attention is not None:
            _check_cache(mask)
        num_queries, num_keys = queries.shape[2], keys.shape[2]
        first = num_keys - num_queries
        prefix = self._prefix(layer_idx, first, num_keys)
        num_dense = min(max(prefix - first, 0), num_queries)
        outputs = []
        if num_dense:
            end = first + num_dense
            self._keep_last(layer_idx, queries[:, :, :num_dense])
            dense_mask = None if mask is None else mask[:, :, :num_dense, :end]
            rows = queries[:, :, :num_dense], keys[:, :, :end], values[:, :, :end]
            outputs.append(self._attend(rows, scoring, dense_mask, layer_idx, "prefill"))
        if num_dense < num_queries:
            rows = queries[:, :, num_dense:], keys, values
            rows_mask = None if mask is None else mask[:, :, num_dense:]
            outputs.append(self._attend(rows, scoring, rows_mask, layer_idx, "decode"))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)

    def _attend(
        self,
        rows: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        scoring: Scoring,
        mask: torch.Tensor | None,
        layer_idx: int,
        stage: Stage,
    ) -> torch.Tensor:
        """Attend densely where the stack has no masker for this stage, else sparsely and under observation."""
        if self.attention is None or not self.attention.masks(stage):
            output = _dense(*rows, scoring, mask)
            if self.recorder is not None and stage == "decode":
                self.recorder.record(layer_idx, rows[0], output, scoring)
            return output
        prefix = Prefix(self._prefix_of_layer[layer_idx], self.prefix_queries.get(layer_idx))
        result = self.attention.attend(*rows, scoring, mask, layer_idx, prefix, stage)
        if self.observer is not None:
            self.observer.observe(layer_idx, stage, result, _dense(*rows, scoring, mask))
        return result.output

    def _prefix(self, layer_idx: int, first: int, num_keys: int) -> int:
        """Return where the prefix ends; queries that do not follow the last ones begin a new sequence."""
        if first != self._length_of_layer.get(layer_idx):
            if self.attention is not None:
                self.attention.forget(layer_idx)
            # Queries from a snapshot were put in before anything was seen; others are those of another sequence.
            if first == 0 or layer_idx in self._length_of_layer:
                self.prefix_queries.pop(layer_idx, None)
            whole = num_keys if first == 0 else first
            self._prefix_of_layer[layer_idx] = whole if self.prefix_length is None else self.prefix_length
        self._length_of_layer[layer_idx] = num_keys
        return self._prefix_of_layer[layer_idx]

    def _keep_last(self, layer_idx: int, queries: torch.Tensor) -> None:
        """Keep the last queries of the prefix, which some maskers choose by."""
        kept = self.prefix_queries.get(layer_idx)
        last = queries[:, :, -OBSERVED_QUERIES:]
        joined = last if kept is None else torch.cat([kept, last], dim=2)[:, :, -OBSERVED_QUERIES:]
        self.prefix_queries[layer_idx] = joined.clone()


def _dense(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    scoring: Scoring,
    attention_mask: torch.Tensor | None,
) -> torch.Tensor:
    return dense_attention(queries, keys, values, scoring, *split_attention_mask(attention_mask, queries.shape[0]))


def _check_cache(attention_mask: torch.Tensor | None) -> None:
    """Queries must be the last positions of the keys; only a mask can tell that the cache has room after them."""
    if attention_mask is None:
        return
    last = attention_mask[:, :, -1, -1]
    if not bool((last if last.dtype == torch.bool else last > torch.finfo(last.dtype).min / 2).any()):
        raise ModelError(
            "No query may read the last key, as with a static cache, whose end is still empty; sparse attention needs "
            "a cache that grows, such as DynamicCache."
        )


def _attention_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    sliding_window: int | None = None,
    s_aux: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers asks: ``(B, Hq, Lq, d)`` in, ``(B, Lq, Hq, d)`` out."""
    attachment: Attachment = getattr(module, _ATTRIBUTE)
    scoring = Scoring(query.shape[-1] ** -0.5 if scaling is None else scaling, softcap, s_aux)
    layer_idx = cast(int, module.layer_idx)
    if sliding_window is not None:
        output = _dense(query, key, value, scoring, _windowed(attention_mask, query, key, sliding_window))
    elif layer_idx not in attachment.full_layers:
        output = _dense(query, key, value, scoring, attention_mask)
    else:
        output = attachment.forward(layer_idx, query, key, value, scoring, attention_mask)
    return output.transpose(1, 2).contiguous(), None


def _windowed(
    attention_mask: torch.Tensor | None, query: torch.Tensor, key: torch.Tensor, sliding_window: int
) -> torch.Tensor | None:
    """Return the mask of a sliding-window layer; transformers leaves it out where the causal order is enough."""
    if attention_mask is not None or key.shape[2] <= sliding_window:
        return attention_mask
    columns = torch.arange(key.shape[2], device=key.device)
    positions = columns[-query.shape[2] :, None]
    return ((columns <= positions) & (columns > positions - sliding_window))[None, None]


AttentionInterface.register(IMPLEMENTATION, _attention_forward)
AttentionMaskInterface.register(IMPLEMENTATION, sdpa_mask)


def full_attention_layers(config: Any) -> list[int]:
    """Return the layers of a transformers config that attend to the whole sequence."""
    config = config.get_text_config(decoder=True)
    layer_types = getattr(config, "layer_types", None)
    if layer_types is not None:
        return [index for index, kind in enumerate(layer_types) if kind == "full_attention"]
    if getattr(config, "sliding_window", None) is not None and getattr(config, "use_sliding_window", True):
        return []
    return list(range(config.num_hidden_layers))


@contextmanager
def attached(model: Any, attachment: Attachment) -> Iterator[None]:
    """Replace the model's attention inside the block, and restore it exactly afterwards.

    Raises:
        ModelError: The model does not let its attention be replaced, has nothing to make sparse, or is in use.
    """
    name = type(model).__name__
    if not hasattr(model, "set_attn_implementation"):
        raise ModelError(f"{name} is no transformers model, so its attention cannot be replaced.")
    full_layers = frozenset(full_attention_layers(model.config))
    if not full_layers:
        raise ModelError(
            f"Every attention layer of this {name} is a sliding window, which already reads few keys; "
            "there is nothing to make sparse."
        )
    modules = [module for module in model.modules() if hasattr(module, "layer_idx")]
    if any(hasattr(module, _ATTRIBUTE) for module in modules):
        raise ModelError(f"This {name} already runs with a SparseAttention; leave that block first.")
    attachment.full_layers = full_layers
    previous = model.config._attn_implementation
    for module in modules:
        setattr(module, _ATTRIBUTE, attachment)
    try:
        model.set_attn_implementation(IMPLEMENTATION)
        if model.config._attn_implementation != IMPLEMENTATION:
            raise ModelError(
                f"{name} does not take its attention from transformers' AttentionInterface, so it cannot run sparsely."
            )
        yield
    finally:
        model.set_attn_implementation(previous)
        for module in modules:
            delattr(module, _ATTRIBUTE)
