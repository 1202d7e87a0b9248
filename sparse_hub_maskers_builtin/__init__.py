"""The maskers that come with sparse-hub."""

from __future__ import annotations

from typing import Any

from sparse_hub_core import RegisterMasker, RegisterPreset, fixed, hookimpl

_MASKERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "sink",
        "sink:SinkMaskerConfig",
        {"role": "sink", "summary": "the first keys of the sequence", "paper": "https://arxiv.org/abs/2309.17453"},
    ),
    (
        "local",
        "local:LocalMaskerConfig",
        {"role": "local", "summary": "the last keys before each query", "paper": "https://arxiv.org/abs/2309.17453"},
    ),
    ("causal", "causal:CausalMaskerConfig", {"role": "other", "summary": "every key up to the query's own"}),
    (
        "dense_layers",
        "dense_layers:DenseLayersConfig",
        {"role": "other", "summary": "the first layers, which stay dense"},
    ),
    (
        "oracle_top_k",
        "oracle_top_k:OracleTopKConfig",
        {
            "role": "selector",
            "summary": "the keys of the highest exact attention scores, an upper bound for top-k methods",
            "top_k": True,
        },
    ),
)


@hookimpl
def register_maskers(register: RegisterMasker) -> None:
    """Offer the built-in maskers."""
    for name, place, metadata in _MASKERS:
        register(name, f"{__name__}.{place}", **metadata)


@hookimpl
def register_presets(register: RegisterPreset) -> None:
    """Offer the stacks that have a name of their own."""
    register(
        "streaming_llm",
        [fixed("sink", sink_size=4), "local"],
        summary="four sink tokens and a local window, as StreamingLLM keeps them",
    )
