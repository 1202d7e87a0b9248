"""Seconds per search trial on the demo model at 4K context, 2 requests, 5 new tokens, one thread, without Ray."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import torch

from sparse_hub_core import get_masker_config
from sparse_hub_core.evaluation import evaluate
from sparse_hub_core.lookup import get_benchmark
from sparse_hub_core.models.loading import load_model
from sparse_hub_core.models.snapshot import SnapshotStore
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.preparation import prepare_requests

CONTEXT, REQUESTS, TOKENS, ROUNDS = 4096, 2, 5, 7
REFERENCE_SECONDS = 11.7
"""The public reference's, of a model of about this size: same context, requests and tokens, on 2 cores."""


def main() -> None:
    """Print the seconds of a trial of each stack, and of the prefill that all trials share."""
    torch.set_num_threads(1)
    registry = load_registry()
    loaded = load_model(resolve_model(registry, "demo"))
    benchmark = get_benchmark("ruler", registry)
    requests = prepare_requests(benchmark, "ruler/niah_multikey_2", loaded.tokenizer, "search", CONTEXT, REQUESTS, 0)
    sink, local = get_masker_config("sink")(sink_size=4), get_masker_config("local")(window_size=64)
    top, magic_pig = get_masker_config("oracle_top_k")(heavy_size=0.05), get_masker_config("magic_pig")()
    stacks = {"local_sink": [sink, local], "oracle": [sink, local, top], "magic_pig": [sink, local, magic_pig]}
    with tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder))
        begin = time.perf_counter()
        list(evaluate(loaded, benchmark, requests, stacks["local_sink"], 1, store))
        print(f"first trial, with the prefill of {REQUESTS} prefixes: {time.perf_counter() - begin:.2f} s")
        for name, stack in stacks.items():
            times = []
            for _ in range(ROUNDS):
                begin = time.perf_counter()
                list(evaluate(loaded, benchmark, requests, stack, TOKENS, store))
                times.append(time.perf_counter() - begin)
            median = statistics.median(times)
            ratio = REFERENCE_SECONDS / median
            print(f"{name:12} {median:.3f} s a trial (min {min(times):.3f}, max {max(times):.3f}), {ratio:.0f}x")


if __name__ == "__main__":
    main()
