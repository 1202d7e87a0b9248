"""What one step of a search asks of a machine: arithmetic, bytes read, bytes copied, and calls that Python prepares."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Model:
    """The shape of a model; by default Llama-3.1-8B in bf16."""

    layers: int = 32
    query_heads: int = 32
    kv_heads: int = 8
    head_dim: int = 128
    hidden: int = 4096
    intermediate: int = 14336
    vocabulary: int = 128256
    value_bytes: int = 2

    @property
    def width(self) -> int:
        """Values of a position's queries, or of its attention outputs, in one layer."""
        return self.query_heads * self.head_dim

    @property
    def layer_weights(self) -> int:
        """Weights that every position of a layer is multiplied with."""
        attention = 2 * self.hidden * self.width + 2 * self.hidden * self.kv_heads * self.head_dim
        return attention + 3 * self.hidden * self.intermediate

    @property
    def weight_bytes(self) -> int:
        """All weights, the embedding and the head included."""
        norms = (2 * self.layers + 1) * self.hidden
        return (self.layers * self.layer_weights + 2 * self.vocabulary * self.hidden + norms) * self.value_bytes

    def kv_bytes(self, tokens: int, layers: int | None = None) -> int:
        """Keys and values of so many tokens, by default in all layers."""
        per_layer = 2 * self.kv_heads * self.head_dim * self.value_bytes
        return tokens * per_layer * (self.layers if layers is None else layers)

    def row_bytes(self, rows: int) -> int:
        """Queries of so many positions in all layers; outputs take the same."""
        return rows * self.width * self.value_bytes * self.layers


@dataclass(frozen=True)
class Search:
    """The settings of a search; by default those of sparse-hub."""

    configurations: tuple[int, ...] = (50, 17, 6, 4)
    """Those that enter each rung."""
    seeds: tuple[int, ...] = (1, 1, 1, 1)
    """With so many seeds each is measured on each rung."""
    requests: int = 10
    rung_requests: tuple[int, ...] = (3, 5, 5, 10)
    """So many of them are seen on each rung."""
    new_tokens: int = 20
    question_tokens: int = 45
    presets: int = 2
    validation_requests: int = 20
    validation_tokens: int = 50
    f0_layers: int = 8
    f0_question_positions: int = 8
    kept_queries: int = 64
    density: float = 0.1
    index_bits: int = 1152
    trace_limit: int = 128 << 30
    kept_share: float = 0.5
    """Of the GPU memory beside the weights, for layers of traces that stay."""

    @property
    def positions(self) -> int:
        """Positions after the prefix; the last new token is never fed back."""
        return self.question_tokens + self.new_tokens - 1

    @property
    def f0_positions(self) -> int:
        """Positions that F0 replays."""
        return min(self.question_tokens, self.f0_question_positions) + self.new_tokens - 1


@dataclass(frozen=True)
class Machine:
    """A GPU and its node: peaks from data sheets, and assumptions about how much of them is reached."""

    name: str = "H100"
    peak_flops: float = 989e12
    peak_bandwidth: float = 3.35e12
    memory: float = 80e9
    share_of_flops: float = 0.4
    share_of_bandwidth: float = 0.6
    pcie: float = 10e9
    disk_read: float = 3e9
    disk_write: float = 2e9
    shared_folder: float = 1e9
    sparse_call: float = 1e-3
    layer_call: float = 0.3e-3
    process_start: float = 8.0
    trial_start: float = 0.01
    gpus_per_node: int = 8


H100, H200 = Machine(), Machine("H200", peak_bandwidth=4.8e12, memory=141e9)


@dataclass(frozen=True)
class Work:
    """What one step asks of the machine."""

    flops: float = 0.0
    read: float = 0.0
    """Bytes that the GPU reads from its own memory."""
    copied: float = 0.0
    """Bytes between host and GPU."""
    sparse_calls: int = 0
    layer_calls: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def times(self, count: int) -> Work:
        """The same work so many times."""
        return Work(*(getattr(self, field.name) * count for field in fields(self)))

    def gpu_seconds(self, on: Machine) -> float:
        """Seconds of arithmetic and of reading."""
        reading = self.read / (on.peak_bandwidth * on.share_of_bandwidth)
        return self.flops / (on.peak_flops * on.share_of_flops) + reading

    def host_seconds(self, on: Machine) -> float:
        """Seconds in which Python prepares what the GPU does."""
        return self.sparse_calls * on.sparse_call + self.layer_calls * on.layer_call

    def seconds(self, on: Machine) -> float:
        """Seconds in all: nothing overlaps."""
        return self.copied / on.pcie + self.gpu_seconds(on) + self.host_seconds(on)


def prefill_flops(model: Model, tokens: int) -> tuple[float, float]:
    """FLOPs of the weights and of causal attention; only the last position meets the head."""
    weights = 2.0 * model.layers * model.layer_weights * tokens + 2.0 * model.hidden * model.vocabulary
    return weights, 2.0 * tokens**2 * model.width * model.layers


def prefill(model: Model, tokens: int) -> Work:
    """Run a prefix densely."""
    read = model.weight_bytes + model.kv_bytes(tokens)
    return Work(sum(prefill_flops(model, tokens)), read, layer_calls=model.layers)


def restore(model: Model, tokens: int) -> Work:
    """Copy a prefix snapshot to the GPU."""
    return Work(copied=model.kv_bytes(tokens))


def weights_pass(model: Model, rows: int, head_rows: int = 1) -> Work:
    """Everything but attention of one forward pass."""
    flops = 2.0 * rows * model.layers * model.layer_weights + 2.0 * head_rows * model.hidden * model.vocabulary
    return Work(flops, model.weight_bytes, layer_calls=model.layers)


def dense_attention(model: Model, tokens: int, rows: int) -> Work:
    """Some queries on all keys and values, in all layers."""
    return Work(4.0 * rows * tokens * model.width * model.layers, model.kv_bytes(tokens))


def sparse_attention(model: Model, search: Search, tokens: int, rows: int, layers: int) -> Work:
    """A stack that scores every key, as the dearest ones do, and reads a share of keys and values."""
    flops = (2.0 + 4.0 * search.density) * rows * tokens * model.width * layers
    return Work(flops, model.kv_bytes(tokens, layers) * (0.5 + search.density), sparse_calls=layers)


def index(model: Model, search: Search, tokens: int, layers: int) -> Work:
    """Hash every key of the prefix, as a stack does for each configuration."""
    flops = 2.0 * tokens * model.kv_heads * model.head_dim * search.index_bits * layers
    return Work(flops, model.kv_bytes(tokens, layers) / 2)


def replay(model: Model, search: Search, tokens: int, rows: int, layers: int) -> Work:
    """F0 and F1: one call per layer on what the trace holds."""
    copy = Work(copied=model.kv_bytes(tokens, layers))
    return copy + index(model, search, tokens, layers) + sparse_attention(model, search, tokens, rows, layers)


def sparse_forward(model: Model, search: Search, tokens: int, rows: int, head_rows: int = 1) -> Work:
    """One forward pass whose error is measured, so that dense attention runs beside the sparse one."""
    attention = sparse_attention(model, search, tokens, rows, model.layers) + dense_attention(model, tokens, rows)
    return weights_pass(model, rows, head_rows) + attention


def generation(model: Model, search: Search, tokens: int, new_tokens: int) -> Work:
    """Answer a question sparsely: the question in one pass, then token after token."""
    steps = sparse_forward(model, search, tokens, 1).times(new_tokens - 1)
    question = sparse_forward(model, search, tokens, search.question_tokens)
    return index(model, search, tokens, model.layers) + question + steps


def dense_generation(model: Model, search: Search, tokens: int, new_tokens: int) -> Work:
    """The same densely."""
    step = weights_pass(model, 1) + dense_attention(model, tokens, 1)
    question = weights_pass(model, search.question_tokens) + dense_attention(model, tokens, search.question_tokens)
    return question + step.times(new_tokens - 1)


def rungs(model: Model, search: Search, tokens: int) -> dict[str, Work]:
    """What one configuration costs on one request, by fidelity."""
    forced = sparse_forward(model, search, tokens, search.positions, search.new_tokens)
    return {
        "F0": replay(model, search, tokens, search.f0_positions, search.f0_layers),
        "F1": replay(model, search, tokens, search.positions, model.layers),
        "F2": restore(model, tokens) + index(model, search, tokens, model.layers) + forced,
        "F3": restore(model, tokens) + generation(model, search, tokens, search.new_tokens),
    }


def snapshot_bytes(model: Model, search: Search, tokens: int) -> int:
    """A prefix snapshot on the disk: keys, values, and the last queries."""
    return model.kv_bytes(tokens) + model.row_bytes(search.kept_queries)


def trace_bytes(model: Model, search: Search) -> int:
    """What a question's trace adds: its positions' keys, values, queries and outputs, and the answer's logits."""
    logits = search.new_tokens * model.vocabulary * model.value_bytes
    return model.kv_bytes(search.positions) + 2 * model.row_bytes(search.positions) + logits
