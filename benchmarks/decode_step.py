"""One decode step of each masker beside dense attention: `python benchmarks/decode_step.py [keys ...]`.

fp32, 32 query heads, 8 KV heads, d 128. Medians of runs in turn, so that the ratios hold when the machine's speed
drifts.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch.nn import functional

from sparse_hub_core import MaskerConfig, SparseAttention, get_masker_config
from sparse_hub_core.attention.engine import Scoring, dense_attention

HEADS, KV_HEADS, HEAD_DIM, ROUNDS, WARM_UP = 32, 8, 128, 15, 2


def stacks() -> dict[str, list[MaskerConfig]]:
    """The stacks to time, at 2% and 10%."""
    sink, local, top = (get_masker_config(name) for name in ("sink", "local", "oracle_top_k"))
    return {
        "sink + local 2%": [sink(sink_size=0.004), local(window_size=0.016)],
        "sink + local + exact top-k 2%": [sink(sink_size=4), local(window_size=16), top(heavy_size=0.02)],
        "sink + local + exact top-k 10%": [sink(sink_size=4), local(window_size=16), top(heavy_size=0.1)],
        "sink + local + MagicPIG K8 L75": [
            sink(sink_size=4),
            local(window_size=16),
            get_masker_config("magic_pig")(lsh_k=8, lsh_l=75),
        ],
    }


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
        return self.attention(queries, keys[:, :, : self.length], values[:, :, : self.length]).output


def median_ms(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Time the calls in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for round_number in range(ROUNDS + WARM_UP):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if round_number >= WARM_UP:
                times[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print a table per key count."""
    for num_keys in [int(argument) for argument in sys.argv[1:]] or [8192, 32768]:
        torch.manual_seed(0)
        queries = torch.randn(1, HEADS, 1, HEAD_DIM)
        keys, values = torch.randn(2, 1, KV_HEADS, num_keys + ROUNDS + WARM_UP, HEAD_DIM)
        scoring = Scoring(HEAD_DIM**-0.5)
        calls: dict[str, Callable[[], object]] = {
            "torch SDPA, enable_gqa": lambda q=queries, k=keys, v=values: functional.scaled_dot_product_attention(
                q, k, v, enable_gqa=True
            ),
            "dense, grouped matmul": lambda q=queries, k=keys, v=values, s=scoring: dense_attention(q, k, v, s),
        }
        for name, configs in stacks().items():
            calls[name] = Decoder(configs, queries, keys, values)
        with torch.inference_mode():
            found = median_ms(calls)
        sdpa, dense = list(found.values())[:2]
        print(f"\n{num_keys} keys, {torch.get_num_threads()} threads | ms | SDPA / it | best dense / it")
        for name, milliseconds in found.items():
            print(f"{name:32} {milliseconds:8.2f} {sdpa / milliseconds:8.1f} {min(sdpa, dense) / milliseconds:8.1f}")


if __name__ == "__main__":
    main()
