"""What a stage's traces will take on the disk, and what is left out where that is too much; before any is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparse_hub_core.attention.layer import OBSERVED_QUERIES
from sparse_hub_core.attention.transformers_seam import full_attention_layers
from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.traces.record import MAX_POSITIONS
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.evaluation import PreparedRequest

FIRST_LAYERS = 2
"""The first layers attend unlike the others, so they are in every subset, as is the last one."""
MIN_LAYERS = FIRST_LAYERS + 2
"""The first ones, the last, and at least one that stands for those between."""
LAYER_HEADER_BYTES, TOKEN_HEADER_BYTES = 1024, 8
"""What a file says of its layers and tokens takes no more than this for each."""


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
    window: int = 0
    """So many keys are kept of a prefix in the other layers."""

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
            getattr(config, "sliding_window", None) or 0,
        )

    @property
    def row_bytes(self) -> int:
        """What a position's keys and values take in one layer."""
        return 2 * self.num_kv_heads * self.head_dim * self.bytes_per_value

    @property
    def query_bytes(self) -> int:
        """What a position's queries take in one layer."""
        return self.num_heads * self.head_dim * self.bytes_per_value

    def prefix_bytes(self, length: int) -> int:
        """Return what a prefix takes in one layer that attends to the whole sequence."""
        return length * self.row_bytes + min(length, OBSERVED_QUERIES) * self.query_bytes

    def snapshot_bytes(self, length: int) -> int:
        """Return what a prefix takes in all layers."""
        windows = (self.num_layers - len(self.layers)) * min(length, self.window) * self.row_bytes
        return len(self.layers) * (self.prefix_bytes(length) + LAYER_HEADER_BYTES) + windows

    def positions_bytes(self, num_positions: int) -> int:
        """Return what the positions after a prefix take in one layer, with their queries and outputs."""
        return num_positions * self.row_bytes + 2 * min(num_positions, MAX_POSITIONS) * self.query_bytes


@dataclass(frozen=True)
class TracePlan:
    """Which layers are recorded, whether whole prefixes are kept beside them, and the bytes this takes."""

    layers: tuple[int, ...]
    keeps_prefixes: bool
    num_bytes: int
    wanted_bytes: int
    """What all layers and prefixes would take."""
    is_recorded: bool = False
    """Whether all of it is there already."""


def plan_traces(
    shape: ModelShape, requests: Sequence[PreparedRequest], max_new_tokens: int, max_bytes: int
) -> TracePlan:
    """Return what to record of a stage's requests within a number of bytes.

    Raises:
        SparseHubError: Fewer layers fit than can stand for all.
    """
    asked = [
        (prompt, min(max_new_tokens, question.max_new_tokens))
        for prepared in requests
        for prompt, question in zip(prepared.prompts, prepared.request.questions, strict=True)
    ]
    prefixes = {prompt.prefix_key: len(prompt.prefix) for prompt, _ in asked}
    # The last token of an answer is read by nothing.
    after = sum(shape.positions_bytes(len(prompt.suffix) + limit - 1) + LAYER_HEADER_BYTES for prompt, limit in asked)
    answers = sum(limit * shape.vocabulary * shape.bytes_per_value + TOKEN_HEADER_BYTES * limit for _, limit in asked)
    whole = sum(map(shape.snapshot_bytes, prefixes.values())) + after * len(shape.layers) + answers
    if whole <= max_bytes:
        return TracePlan(shape.layers, True, whole, whole)
    # Without snapshots every question's trace holds its own prefix.
    per_layer = after + sum(shape.prefix_bytes(len(prompt.prefix)) for prompt, _ in asked)
    fitting = (max_bytes - answers) // per_layer
    if fitting < (needed := min(MIN_LAYERS, len(shape.layers))):
        raise SparseHubError(
            f"The traces of {count(len(requests), 'request')} take {gigabytes(whole)}, and not even {needed} layers of "
            f"them fit into {gigabytes(max_bytes)}; raise --trace-max-gb, or search on fewer or shorter requests."
        )
    layers = stratified(shape.layers, fitting)
    return TracePlan(layers, False, per_layer * len(layers) + answers, whole)


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
