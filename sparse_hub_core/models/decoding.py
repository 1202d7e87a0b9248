"""Dense prefill and greedy decoding on a restored prefix."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from sparse_hub_core.attention.attachment import Attachment
from sparse_hub_core.attention.transformers_seam import attached
from sparse_hub_core.models.loading import LoadedModel
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.snapshot import PrefixSnapshot, new_cache, restore, take_snapshot


@dataclass(frozen=True)
class Generation:
    """What a model said, and how long each decode step took."""

    text: str
    tokens: tuple[int, ...]
    decode_seconds: float


def prefill(loaded: LoadedModel, prefix: tuple[int, ...], attachment: Attachment | None = None) -> PrefixSnapshot:
    """Run the prefix and return its keys and values; densely, unless an attachment has maskers for it."""
    attachment = attachment or Attachment(None, unpadded=True)
    cache = new_cache(loaded.model.config)
    ids = torch.tensor([prefix], device=loaded.device)
    with torch.inference_mode(), attached(loaded.model, attachment):
        loaded.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return take_snapshot(cache, len(prefix), attachment.prefix_queries)


def generate(
    loaded: LoadedModel,
    snapshot: PrefixSnapshot,
    prompt: Prompt,
    max_new_tokens: int,
    attachment: Attachment,
    may_stop: bool = True,
) -> Generation:
    """Decode greedily after a restored prefix, until ``max_new_tokens`` or, where it may, an end token."""
    cache = restored(loaded, snapshot, attachment, len(prompt.suffix) + max_new_tokens)
    return decode(loaded, cache, prompt.suffix, max_new_tokens, attachment, may_stop)


def restored(loaded: LoadedModel, snapshot: PrefixSnapshot, attachment: Attachment, room: int) -> DynamicCache:
    """Return a cache that holds a copy of the prefix, whose last queries the attachment is given."""
    attachment.prefix_queries = {index: queries.to(loaded.device) for index, queries in snapshot.queries.items()}
    return restore(snapshot, loaded.model.config, room, loaded.device)


def decode(
    loaded: LoadedModel,
    cache: DynamicCache,
    suffix: tuple[int, ...],
    max_new_tokens: int,
    attachment: Attachment,
    may_stop: bool = True,
    kept_logits: list[torch.Tensor] | None = None,
) -> Generation:
    """Decode greedily after what a cache holds; the logits of each new token, ``(V,)``, go where they are kept."""
    ids = torch.tensor([suffix], device=loaded.device)
    stop_tokens = loaded.stop_tokens if may_stop else frozenset()
    tokens: list[int] = []
    with torch.inference_mode(), attached(loaded.model, attachment):
        begin = time.perf_counter()
        while True:
            logits = loaded.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            token = int(logits[0, -1].argmax())
            if kept_logits is not None:
                kept_logits.append(logits[0, -1])
            if not tokens:
                begin = time.perf_counter()
            tokens.append(token)
            if token in stop_tokens or len(tokens) == max_new_tokens:
                break
            ids = torch.tensor([[token]], device=loaded.device)
        seconds = time.perf_counter() - begin
    text = loaded.tokenizer.decode(tokens, skip_special_tokens=True)
    return Generation(text, tuple(tokens), seconds)


def teacher_forced(
    loaded: LoadedModel,
    snapshot: PrefixSnapshot,
    suffix: tuple[int, ...],
    tokens: tuple[int, ...],
    attachment: Attachment,
) -> torch.Tensor:
    """Return the logits ``(n, V)`` of n given tokens after a restored prefix and its question, in one forward pass."""
    ids = [*suffix, *tokens[:-1]]
    cache = restored(loaded, snapshot, attachment, len(ids))
    with torch.inference_mode(), attached(loaded.model, attachment):
        inputs = torch.tensor([ids], device=loaded.device)
        answer = loaded.model(inputs, past_key_values=cache, use_cache=True, logits_to_keep=len(tokens))
    logits: torch.Tensor = answer.logits[0]
    return logits
