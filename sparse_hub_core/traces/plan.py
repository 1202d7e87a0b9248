"""What a stage's traces will take on the disk, and what is left out where that is too much; before any is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparse_hub_core.attention.transformers_seam import full_attention_layers
from sparse_hub_core.errors import SparseHubError

if TYPE_CHECKING:
    from sparse_hub_core.evaluation import PreparedRequest

FIRST_LAYERS = 2
"""The first layers attend unlike the others, so they are in every subset, as is the last one."""


@dataclass(frozen=True)
class ModelShape:
    """What the size of a trace depends on."""

    layers: tuple[int, ...]
    """Those that attend to the whole sequence."""
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    vocabulary: int
    bytes_per_value: int

    @classmethod
    def of(cls, config: Any, bytes_per_value: int) -> ModelShape:
        """Return the shape of a transformers config."""
        config = config.get_text_config(decoder=True)
        heads = config.num_attention_heads
        return cls(
            tuple(full_attention_layers(config)),
            config.num_hidden_layers,
            heads,
            getattr(config, "num_key_value_heads", None) or heads,
            getattr(config, "head_dim", None) or config.hidden_size // heads,
            config.vocab_size,
            bytes_per_value,
        )


@dataclass(frozen=True)
class TracePlan:
    """Which layers are recorded, whether whole prefixes are kept beside them, and the bytes this takes."""

    layers: tuple[int, ...]
    keeps_prefixes: bool
    num_bytes: int
    wanted_bytes: int
    """What all layers and prefixes would take."""


def plan_traces(
    shape: ModelShape, requests: Sequence[PreparedRequest], max_new_tokens: int, max_bytes: int
) -> TracePlan:
    """Return what to record of a stage's requests within a number of bytes.

    Raises:
        SparseHubError: Not even one layer fits.
    """
    prompts = [prompt for prepared in requests for prompt in prepared.prompts]
    distinct = {prompt.prefix_key: len(prompt.prefix) for prompt in prompts}
    row = 2 * shape.num_kv_heads * shape.head_dim * shape.bytes_per_value
    step = row + 2 * shape.num_heads * shape.head_dim * shape.bytes_per_value
    positions = sum(len(prompt.suffix) + max_new_tokens for prompt in prompts)
    logits = len(prompts) * max_new_tokens * shape.vocabulary * shape.bytes_per_value
    whole = sum(distinct.values()) * row * shape.num_layers + positions * step * len(shape.layers) + logits
    if whole <= max_bytes:
        return TracePlan(shape.layers, True, whole, whole)
    # Without snapshots every question's trace holds its own prefix.
    per_layer = sum(len(prompt.prefix) for prompt in prompts) * row + positions * step
    fitting = (max_bytes - logits) // per_layer
    if fitting < 1:
        raise SparseHubError(
            f"The traces of {len(requests)} requests take {gigabytes(whole)}, and not even one layer of them fits into "
            f"{gigabytes(max_bytes)}; raise --trace-max-gb, or search on fewer or shorter requests."
        )
    layers = stratified(shape.layers, fitting)
    return TracePlan(layers, False, per_layer * len(layers) + logits, whole)


def all_layers(shape: ModelShape) -> TracePlan:
    """Return the plan of what is recorded without looking at its size."""
    return TracePlan(shape.layers, True, 0, 0)


def stratified(layers: Sequence[int], count: int) -> tuple[int, ...]:
    """Return so many layers: the first two, the last, and others evenly between; all where there are no more."""
    if count >= len(layers):
        return tuple(layers)
    fixed = [*layers[:FIRST_LAYERS], layers[-1]][:count]
    between = layers[FIRST_LAYERS:-1]
    wanted = count - len(fixed)
    chosen = [between[int((index + 0.5) * len(between) / wanted)] for index in range(wanted)]
    return tuple(sorted({*fixed, *chosen}))


def gigabytes(num_bytes: int) -> str:
    """Return a size as people read it."""
    return f"{num_bytes / (1 << 30):.2f} GB" if num_bytes >= 1 << 28 else f"{num_bytes / (1 << 20):.1f} MB"
