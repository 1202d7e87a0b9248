"""Answer one prompt with a model, densely or with a found configuration, and say what was read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, TextStreamer

from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.attention.layer import Prefix
from sparse_hub_core.attention.result import AttentionResult
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.errors import ModelError, UsageError
from sparse_hub_core.evaluation import Meter, Shares
from sparse_hub_core.masker import MaskerConfig, Stage
from sparse_hub_core.models.loading import LoadedModel


@dataclass(frozen=True)
class Answer:
    """What a model said, and what it cost; densities are None for dense attention, or where nothing was sparse."""

    text: str
    prompt_tokens: int
    new_tokens: int
    density: float | None
    io_density: float | None
    seconds: float
    tokens_per_second: float | None
    """After the first token; None where there is no other."""


class MeteredAttention(SparseAttention):
    """Counts what it reads."""

    def __init__(self, masker_configs: Sequence[MaskerConfig]) -> None:
        super().__init__(masker_configs)
        self.meter = Meter()

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
        """Attend, and take note."""
        result = super().attend(queries, keys, values, scoring, attention_mask, layer_idx, prefix, stage)
        self.meter.read.setdefault(stage, []).append(Shares.of(result))
        return result


class _Streamer(TextStreamer):  # type: ignore[misc]
    """Hands text on as soon as it is whole, and notes when the first token came."""

    def __init__(self, tokenizer: Any, write: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.write = write
        self.first: float | None = None

    def put(self, value: torch.Tensor) -> None:
        if not self.next_tokens_are_prompt and self.first is None:
            self.first = time.perf_counter()
        super().put(value)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.write(text)


def prompt_ids(tokenizer: Any, prompt: str, chat: bool | None) -> list[int]:
    """Return the tokens of a prompt, as one turn of a chat where the tokenizer has a template for it.

    Args:
        tokenizer: Of the model.
        prompt: The text.
        chat: Whether to use the template; None uses it where there is one.

    Raises:
        UsageError: The prompt is empty, or there is no template.
        ModelError: The template fails.
    """
    if not prompt.strip():
        raise UsageError("The prompt is empty; write something to answer.")
    has_template = bool(getattr(tokenizer, "chat_template", None))
    if chat and not has_template:
        raise UsageError("The tokenizer of this model has no chat template; leave out --chat.")
    if not has_template or chat is False:
        ids = list(tokenizer(prompt).input_ids)
        return ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id else ids
    try:
        turns = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except Exception as error:
        # A template is a program of the model's author.
        raise ModelError(f"The chat template of this tokenizer fails: {error}; use --no-chat.") from error
    return list(tokenizer(text, add_special_tokens=False).input_ids)


@contextmanager
def _settings_set_aside(model: Any) -> Iterator[None]:
    """Decode greedily as a validation does: a model's own settings may ask for penalties or a static cache."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


def answer(
    loaded: LoadedModel,
    ids: Sequence[int],
    masker_configs: Sequence[MaskerConfig] | None,
    max_new_tokens: int,
    write: Callable[[str], None] = lambda text: None,
) -> Answer:
    """Answer greedily, sparsely after the prompt, or densely where there are no masker configs.

    Args:
        loaded: The model.
        ids: The tokens of the prompt.
        masker_configs: The configuration.
        max_new_tokens: The most tokens to say.
        write: Is called with each piece of the text as it comes.
    """
    attention = None if masker_configs is None else MeteredAttention(masker_configs)
    pieces: list[str] = []

    def hand_on(text: str) -> None:
        pieces.append(text)
        write(text)

    streamer = _Streamer(loaded.tokenizer, hand_on)
    inputs = torch.tensor([list(ids)], device=loaded.device)
    ends = sorted(loaded.stop_tokens)
    begin = time.perf_counter()
    sparsely = nullcontext() if attention is None else attention.on(loaded.model)
    with torch.inference_mode(), _settings_set_aside(loaded.model), sparsely:
        said = loaded.model.generate(
            inputs,
            attention_mask=torch.ones_like(inputs),
            max_new_tokens=max_new_tokens,
            streamer=streamer,
            eos_token_id=ends or None,
            pad_token_id=loaded.tokenizer.pad_token_id
            if loaded.tokenizer.pad_token_id is not None
            else (ends or [0])[0],
        )
    end = time.perf_counter()
    new = said.shape[1] - len(ids)
    rate = (new - 1) / (end - streamer.first) if streamer.first is not None and new > 1 else None
    meter = attention.meter if attention is not None and attention.meter.read else None
    return Answer(
        text="".join(pieces),
        prompt_tokens=len(ids),
        new_tokens=new,
        density=None if meter is None else meter.density(),
        io_density=None if meter is None else meter.io_density(),
        seconds=end - begin,
        tokens_per_second=rate,
    )
