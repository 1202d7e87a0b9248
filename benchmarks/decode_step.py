"""One decode step of every masker beside dense attention: `python benchmarks/decode_step.py [keys ...]`.

fp32, 32 query heads, 8 KV heads, d 128; bf16 on a GPU. Every selector stands behind 4 sinks and a window of 16, at 10%
of the keys where it takes a share. Medians of steps in turn, so that ratios hold when the machine's speed drifts; the
peak is how much one step adds to the resident memory, on Linux.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

from sparse_hub_core import MaskerConfig, SparseAttention, get_masker_config
from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.plugins import load_registry

HEADS, KV_HEADS, HEAD_DIM, ROUNDS, WARM_UP = 32, 8, 128, 9, 2
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPE = torch.bfloat16 if DEVICE == "cuda" else torch.float32
PROCESS = Path("/proc/self")


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
        self.length = tensors[1].shape[2] - ROUNDS - WARM_UP

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


def memory_mb(name: str) -> float:
    """Return a line of the process's status, in MB; 0 where there is none."""
    if DEVICE == "cuda":
        return (torch.cuda.max_memory_allocated() if name == "VmHWM" else torch.cuda.memory_allocated()) / 2**20
    if not (PROCESS / "status").exists():
        return 0.0
    line = next(line for line in (PROCESS / "status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Let the peak of the resident memory begin anew."""
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif (PROCESS / "clear_refs").exists():
        (PROCESS / "clear_refs").write_text("5")


def measure(calls: dict[str, Callable[[], object]]) -> dict[str, Cost]:
    """Time the calls in turn."""
    costs = {name: Cost() for name in calls}
    for round_number in range(ROUNDS + WARM_UP):
        for name, call in calls.items():
            forget_peak()
            before, begin = memory_mb("VmRSS"), time.perf_counter()
            call()
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            seconds = time.perf_counter() - begin
            if round_number >= WARM_UP:
                costs[name].times_ms.append(1000 * seconds)
                costs[name].peak_mb = max(costs[name].peak_mb, memory_mb("VmHWM") - before)
    return costs


def table(num_keys: int) -> None:
    """Print what a step costs at so many keys."""
    generator = torch.Generator().manual_seed(0)
    length = num_keys + ROUNDS + WARM_UP
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
    for num_keys in [int(argument) for argument in sys.argv[1:]] or [8192, 32768, 131072]:
        table(num_keys)


if __name__ == "__main__":
    main()
