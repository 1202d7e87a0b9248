"""Render a question about a context once, and split it where the dense prefix ends."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

from sparse_hub_core.benchmark import Question, Request
from sparse_hub_core.errors import ModelError, UsageError

SEPARATOR = "<<sparse-hub-split>>"
MIN_CONTEXT_TOKENS = 16


@dataclass(frozen=True)
class Prompt:
    """Token ids of one question: the dense prefix, and what runs sparsely before generation."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    truncated: bool = False

    @property
    def prefix_key(self) -> str:
        """A digest of the prefix, equal for all questions about one context."""
        return hashlib.sha256(repr(self.prefix).encode()).hexdigest()[:24]


def count_tokens(tokenizer: Any, text: str) -> int:
    """Return the number of tokens of a text, special tokens left out."""
    return len(tokenizer(text, add_special_tokens=False).input_ids)


def prompt_overhead(tokenizer: Any) -> int:
    """Return the tokens that the chat template and the special tokens add to a request."""
    prompt = _render(tokenizer, "a", Question("a", ()), truncated=False)
    return len(prompt.prefix) + len(prompt.suffix) - 2 * count_tokens(tokenizer, "a")


def render_prompts(tokenizer: Any, request: Request, max_length: int) -> tuple[Prompt, ...]:
    """Return the prompt of each question of a request, at least one.

    A context that would not fit into ``max_length`` tokens with its longest question and answer prefix is cut in its
    middle, at token level.

    Raises:
        ModelError: The chat template does not keep the text as it is.
        UsageError: The length leaves no room for the context.
    """
    longest = max(count_tokens(tokenizer, question.text + question.answer_prefix) for question in request.questions)
    room = max_length - longest
    if room < (MIN_CONTEXT_TOKENS if request.context else 0):
        raise UsageError(
            f"A context length of {max_length} tokens leaves {max(room, 0)} for the context of request {request.id!r}, "
            f"whose question takes {longest}; raise --search-max-context-length or --validation-max-context-length."
        )
    context, truncated = _cut_middle(tokenizer, request.context, max(room, 1))
    return tuple(_render(tokenizer, context, question, truncated) for question in request.questions)


def _render(tokenizer: Any, context: str, question: Question, truncated: bool) -> Prompt:
    # Without a context the whole first turn is the prefix, so that only generation runs sparsely.
    separator = _separator(context + question.text)
    content = context + separator + question.text if context else question.text + separator
    if question.as_chat and getattr(tokenizer, "chat_template", None):
        messages = [{"role": "user", "content": content}]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        special = False
    else:
        text, special = content, True
    halves = text.split(separator)
    if len(halves) != 2:
        raise ModelError(
            f"The chat template of this tokenizer gave back the user's text {len(halves) - 1} times instead of once, "
            "so the prompt cannot be split after its context."
        )
    prefix = list(tokenizer(halves[0], add_special_tokens=special).input_ids)
    if special and prefix and prefix[-1] == tokenizer.eos_token_id:
        prefix.pop()
    suffix = list(tokenizer(halves[1] + question.answer_prefix, add_special_tokens=False).input_ids)
    if not suffix:
        # The first new token needs a query to come from.
        suffix = [prefix.pop()]
    return Prompt(tuple(prefix), tuple(suffix), truncated)


def _separator(text: str) -> str:
    """Return a separator that a text does not hold."""
    names = (SEPARATOR.replace("split", f"split-{number}") for number in itertools.count())
    return SEPARATOR if SEPARATOR not in text else next(name for name in names if name not in text)


def _cut_middle(tokenizer: Any, context: str, max_length: int) -> tuple[str, bool]:
    # A token is at least one byte, so a short text needs no tokenising.
    if len(context.encode()) <= max_length:
        return context, False
    ids = tokenizer(context, add_special_tokens=False).input_ids
    if len(ids) <= max_length:
        return context, False
    # The halves joined and tokenised again may take a few tokens more.
    kept = max_length
    while True:
        head = kept // 2
        text = tokenizer.decode(ids[:head]) + tokenizer.decode(ids[len(ids) - (kept - head) :])
        excess = count_tokens(tokenizer, text) - max_length
        if excess <= 0 or kept <= excess:
            return text, True
        kept -= excess
