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
    (
        "oracle_top_p",
        "oracle_top_p:OracleTopPConfig",
        {"role": "selector", "summary": "as many keys as hold a share of the exact attention, an upper bound"},
    ),
    (
        "random_sampling",
        "random_sampling:RandomSamplingConfig",
        {"role": "selector", "summary": "a uniform sample of keys"},
    ),
    (
        "adaptive_sampling",
        "adaptive_sampling:AdaptiveSamplingConfig",
        {
            "role": "selector",
            "summary": "a uniform sample as large as a promise on the error asks for (vAttention)",
            "paper": "https://arxiv.org/abs/2510.05688",
        },
    ),
    (
        "quest",
        "quest:QuestConfig",
        {
            "role": "selector",
            "summary": "the pages of keys whose channel bounds promise the highest scores",
            "paper": "https://arxiv.org/abs/2406.10774",
            "top_k": True,
        },
    ),
    (
        "double_sparsity",
        "double_sparsity:DoubleSparsityConfig",
        {
            "role": "selector",
            "summary": "the keys of the highest scores over a few calibrated channels, at a few bits each",
            "paper": "https://arxiv.org/abs/2408.07092",
            "top_k": True,
        },
    ),
    (
        "snap_kv",
        "snap_kv:SnapKvConfig",
        {
            "role": "selector",
            "summary": "the prefix keys that its last queries attended to, chosen once, and all keys after them",
            "paper": "https://arxiv.org/abs/2404.14469",
        },
    ),
    (
        "h2o",
        "h2o:H2oConfig",
        {
            "role": "selector",
            "summary": "the keys of the most accumulated attention and the newest; the others are evicted for good",
            "paper": "https://arxiv.org/abs/2306.14048",
        },
    ),
    (
        "tova",
        "tova:TovaConfig",
        {
            "role": "selector",
            "summary": "a set of keys from which each query evicts the one it attends to least",
            "paper": "https://arxiv.org/abs/2401.06104",
        },
    ),
    (
        "twilight",
        "twilight:TwilightConfig",
        {
            "role": "restrict",
            "summary": "of what selectors chose, as many keys as hold a share of the attention",
            "paper": "https://arxiv.org/abs/2502.02770",
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
    register(
        "twilight_quest",
        ["sink", "local", fixed("quest", heavy_size=0.25), "twilight"],
        summary="a quarter of the pages by Quest, pruned to the keys that hold most of the attention",
    )
    register(
        "quest_first_layers_dense",
        [fixed("dense_layers", first=2), "quest"],
        summary="Quest as published: the first two layers dense, pages alone in the others",
    )
