"""Prefill attention with XAttention beside torch SDPA: `python benchmarks/prefill.py [tokens ...]`.

fp32, 8 query heads, 2 KV heads, d 64; keys and queries walk at random, so that what is near is alike, as in text.
Medians of calls in turn.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from decode_step import measure
from torch.nn import functional

from sparse_hub_core import SparseAttention, get_masker_config

HEADS, KV_HEADS, HEAD_DIM = 8, 2, 64
THRESHOLDS = (0.8, 0.9, 0.95)


def walk(heads: int, length: int, generator: torch.Generator) -> torch.Tensor:
    """Return ``(1, heads, length, d)`` steps of a random walk that forgets."""
    steps = torch.randn(1, heads, length, HEAD_DIM, generator=generator)
    place, places = torch.zeros(1, heads, HEAD_DIM), []
    for step in steps.unbind(2):
        place = 0.98 * place + 0.2 * step
        places.append(place)
    return 2 * torch.stack(places, dim=2)


def table(num_tokens: int) -> None:
    """Print what a layer's prefill costs at so many tokens."""
    generator = torch.Generator().manual_seed(0)
    keys = walk(KV_HEADS, num_tokens, generator)
    noise = torch.randn(1, HEADS, num_tokens, HEAD_DIM, generator=generator)
    queries, values = keys.repeat_interleave(HEADS // KV_HEADS, dim=1) + 0.5 * noise, torch.randn(keys.shape)
    xattention = get_masker_config("xattention")
    stacks = {f"xattention, threshold {t}": SparseAttention([xattention(threshold=t)]) for t in THRESHOLDS}
    calls: dict[str, Callable[[], object]] = {
        "torch SDPA, causal": lambda: functional.scaled_dot_product_attention(
            queries, keys, values, is_causal=True, enable_gqa=True
        ),
        **{name: lambda stack=stack: stack(queries, keys, values) for name, stack in stacks.items()},
    }
    with torch.inference_mode():
        costs = measure(calls)
        dense = calls["torch SDPA, causal"]()
        results = {name: stack(queries, keys, values) for name, stack in stacks.items()}
    print(f"\n{num_tokens} tokens, {torch.get_num_threads()} threads")
    print(f"{'':28}{'ms':>8} {'(min-max)':>19} {'SDPA/it':>8} {'density':>8} {'error':>7} {'peak MB':>8}")
    for name, cost in costs.items():
        spread = f"({min(cost.times_ms):.1f}-{max(cost.times_ms):.1f})"
        ratio = costs["torch SDPA, causal"].ms / cost.ms
        shares = f"{'100%':>8} {'-':>7}"
        if name in results:
            error = (results[name].output - dense).norm() / dense.norm()
            shares = f"{results[name].density:8.2%} {error:7.3f}"
        print(f"{name:28}{cost.ms:8.1f} {spread:>19} {ratio:8.2f} {shares} {cost.peak_mb:8.1f}")


def main() -> None:
    """Print a table per length."""
    for num_tokens in [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or [4096, 8192]:
        table(num_tokens)


if __name__ == "__main__":
    main()
