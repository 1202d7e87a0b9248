"""One decode step of every masker beside dense attention: `python benchmarks/decode_step.py [keys ...]`.

fp32, 32 query heads, 8 KV heads, d 128; bf16 on a GPU. Every selector stands behind 4 sinks and a window of 16, at 10%
of the keys where it takes a share. Medians of steps in turn, so that ratios hold when the machine's speed drifts. The
peak is of the memory that one more step allocates; what a library allocates inside of one operation does not count.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sparse_hub_core import MaskerConfig, SparseAttention, get_masker_config
from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.plugins import load_registry

HEADS, KV_HEADS, HEAD_DIM, ROUNDS, WARM_UP = 32, 8, 128, 9, 2
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPE = torch.bfloat16 if DEVICE == "cuda" else torch.float32


def stacks() -> dict[str, list[MaskerConfig]]:
    """The stacks to time."""
    sink, local, top_k = (get_masker_config(name) for name in ("sink", "local", "oracle_top_k"))
    slices = [sink(sink_size=4), local(window_size=16)]
    found = {
        "sink + local, 2%": [sink(sink_size=0.004), local(window_size=0.016)],
        "sink 128 + local 512": [sink(sink_size=128), local(window_size=512)],
        "oracle_top_k, 2%": [*slices, top_k(heavy_size=0.02)],
    }
    for entry in load_registry().maskers:
        if entry.role == "selector":
            config_class = get_masker_config(entry.name)
            share = {"heavy_size", "cache_size", "sampling_rate"} & {f.name for f in dataclasses.fields(config_class)}
            label = f"{entry.name}, 10%" if share else f"{entry.name}, defaults"
            found[label] = [*slices, config_class(**dict.fromkeys(share, 0.1))]
    quest, twilight, adaptive = (get_masker_config(name) for name in ("quest", "twilight", "adaptive_sampling"))
    found["quest, 25% + twilight"] = [*slices, quest(heavy_size=0.25), twilight()]
    found["oracle_top_k, 2% + adaptive_sampling"] = [*slices, top_k(heavy_size=0.02), adaptive()]
    return found


class Decoder:
    """Decodes step after step, one more key each time, as a model with a roomy cache does."""

    def __init__(self, configs: list[MaskerConfig], *tensors: torch.Tensor) -> None:
        self.attention = SparseAttention(configs)
        self.tensors = tensors
        self.length = tensors[1].shape[2] - ROUNDS - WARM_UP - 1

    def __call__(self) -> torch.Tensor:
        """Decode one token."""
        self.length += 1
        queries, keys, values = self.tensors
        self.result = self.attention(queries, keys[:, :, : self.length], values[:, :, : self.length])
        return self.result.output


@dataclasses.dataclass
class Cost:
    """What one step of a call costs."""

    times_ms: list[float] = dataclasses.field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def ms(self) -> float:
        """The median."""
        return statistics.median(self.times_ms)


class LiveBytes(TorchDispatchMode):
    """Keeps the sum of the storages that operations made and that are still alive, and its peak."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: dict[int, int] = {}
        self.foreign: set[int] = set()
        self.live = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and take note of what it made."""
        given = {t.untyped_storage().data_ptr() for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        self.foreign |= given - self.tensors.keys()
        results = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(results):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in self.foreign:
                self._note(tensor)
        return results

    def _note(self, tensor: torch.Tensor) -> None:
        place, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        if place not in self.tensors:
            self.live += size
            self.peak = max(self.peak, self.live)
        self.tensors[place] = self.tensors.get(place, 0) + 1
        weakref.finalize(tensor, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self.tensors[place] -= 1
        if not self.tensors[place]:
            del self.tensors[place]
            self.live -= size


def peak_mb(call: Callable[[], object]) -> float:
    """Return the peak of the memory that a call allocates, in MB."""
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with LiveBytes() as tracker:
        call()
    return tracker.peak / 2**20


def measure(calls: dict[str, Callable[[], object]]) -> dict[str, Cost]:
    """Time the calls in turn."""
    costs = {name: Cost() for name in calls}
    for round_number in range(ROUNDS + WARM_UP):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            seconds = time.perf_counter() - begin
            if round_number >= WARM_UP:
                costs[name].times_ms.append(1000 * seconds)
    for name, call in calls.items():
        costs[name].peak_mb = peak_mb(call)
    return costs


def table(num_keys: int) -> None:
    """Print what a step costs at so many keys."""
    generator = torch.Generator().manual_seed(0)
    length = num_keys + ROUNDS + WARM_UP + 1
    queries = torch.randn(1, HEADS, 1, HEAD_DIM, generator=generator).to(DEVICE, DTYPE)
    keys, values = (torch.randn(1, KV_HEADS, length, HEAD_DIM, generator=generator).to(DEVICE, DTYPE) for _ in "kv")
    scoring = Scoring(HEAD_DIM**-0.5)
    calls: dict[str, Callable[[], object]] = {
        "torch SDPA, enable_gqa": lambda: functional.scaled_dot_product_attention(
            queries, keys[:, :, :num_keys], values[:, :, :num_keys], enable_gqa=True
        ),
        "dense, grouped matmul": lambda: dense_attention(
            queries, keys[:, :, :num_keys], values[:, :, :num_keys], scoring
        ),
    }
    decoders = {name: Decoder(configs, queries, keys, values) for name, configs in stacks().items()}
    with torch.inference_mode():
        costs = measure({**calls, **decoders})
    sdpa, dense = (cost.ms for cost in list(costs.values())[:2])
    print(f"\n{num_keys} keys, {DTYPE}, {DEVICE}, {torch.get_num_threads()} threads")
    print(f"{'':38}{'ms':>8} {'(min-max)':>17} {'SDPA/it':>8} {'dense/it':>8} {'density':>8} {'I/O':>7} {'peak MB':>8}")
    for name, cost in costs.items():
        spread = f"({min(cost.times_ms):.2f}-{max(cost.times_ms):.2f})"
        result = decoders[name].result if name in decoders else None
        shares = f"{result.density:8.2%} {result.io_density:7.1%}" if result else f"{'100%':>8} {'100%':>7}"
        print(
            f"{name:38}{cost.ms:8.2f} {spread:>17} {sdpa / cost.ms:8.1f} {min(sdpa, dense) / cost.ms:8.1f} "
            f"{shares} {cost.peak_mb:8.1f}"
        )


def main() -> None:
    """Print a table per key count."""
    for num_keys in [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or [8192, 32768, 131072]:
        table(num_keys)


if __name__ == "__main__":
    main()
