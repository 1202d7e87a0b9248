"""The one file that knows how transformers lets attention be replaced."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch.utils.hooks import RemovableHandle
from transformers import AttentionInterface, AttentionMaskInterface, Cache
from transformers.masking_utils import sdpa_mask

from sparse_hub_core.attention.attachment import Attachment, dense_of_model
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.errors import ModelError

IMPLEMENTATION = "sparse_hub"
_ATTRIBUTE = "sparse_hub_attachment"
_running = threading.local()
"""The attention layer that a thread is in; its cache is kept no longer than by its owner."""


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
        output = dense_of_model(query, key, value, scoring, _windowed(attention_mask, query, key, sliding_window))
    elif layer_idx not in attachment.full_layers:
        output = dense_of_model(query, key, value, scoring, attention_mask)
    else:
        cache = _running.cache()
        output = attachment.forward(layer_idx, query, key, value, scoring, attention_mask, cache)
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


def _note_cache(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note the cache that an attention layer is called with, of which the attention itself gets only the tensors."""
    found = next((value for value in (*kwargs.values(), *args) if isinstance(value, Cache)), None)
    _running.cache = (lambda: None) if found is None else weakref.ref(found)


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
    language = _language_model(model)
    full_layers = frozenset(full_attention_layers(model.config))
    if not full_layers:
        raise ModelError(
            f"Every attention layer of this {name} is a sliding window, which already reads few keys; "
            "there is nothing to make sparse."
        )
    modules = [module for module in language.modules() if hasattr(module, "layer_idx")]
    if model.config.is_encoder_decoder or any(not getattr(module, "is_causal", True) for module in modules):
        raise ModelError(
            f"{name} does not only read what came before, as an encoder does, so it cannot run sparsely; take a "
            "decoder-only model."
        )
    if any(hasattr(module, _ATTRIBUTE) for module in modules):
        raise ModelError(f"This {name} already runs with a SparseAttention; leave that block first.")
    attachment.full_layers = full_layers
    implementations = [(config, config._attn_implementation) for config in _configs(language.config)]
    hooks: list[RemovableHandle] = []
    try:
        for module in modules:
            setattr(module, _ATTRIBUTE, attachment)
            hooks.append(module.register_forward_pre_hook(_note_cache, with_kwargs=True))
        language.set_attn_implementation(IMPLEMENTATION)
        if language.config._attn_implementation != IMPLEMENTATION:
            raise ModelError(
                f"{name} does not take its attention from transformers' AttentionInterface, so it cannot run sparsely."
            )
        yield
    finally:
        for config, implementation in implementations:
            config._attn_implementation = implementation
        for hook in hooks:
            hook.remove()
        for module in modules:
            vars(module).pop(_ATTRIBUTE, None)


def _language_model(model: Any) -> Any:
    """Return the part of a model that reads text, which is all of it where it reads nothing else.

    Raises:
        ModelError: It is no transformers model.
    """
    config: Any = getattr(model, "config", None)
    if hasattr(config, "get_text_config") and hasattr(model, "set_attn_implementation"):
        text = config.get_text_config(decoder=True)
        parts = (part for part in model.modules() if getattr(part, "config", None) is text)
        return next((part for part in parts if hasattr(part, "set_attn_implementation")), model)
    raise ModelError(f"{type(model).__name__} is no transformers model, so its attention cannot be replaced.")


def _configs(config: Any) -> Iterator[Any]:
    """Yield a config and those below it, each before its own."""
    yield config
    for name in config.sub_configs:
        if (below := getattr(config, name, None)) is not None:
            yield from _configs(below)
