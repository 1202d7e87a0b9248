"""The maskers that come with sparse-hub."""

from __future__ import annotations

from sparse_hub_core import RegisterMasker, hookimpl


@hookimpl
def register_maskers(register: RegisterMasker) -> None:
    """Offer sink, local and oracle_top_k."""
    register(
        "sink",
        "sparse_hub_maskers_builtin.sink:SinkMaskerConfig",
        role="sink",
        summary="the first keys of the sequence",
        paper="https://arxiv.org/abs/2309.17453",
    )
    register(
        "local",
        "sparse_hub_maskers_builtin.local:LocalMaskerConfig",
        role="local",
        summary="the last keys before each query",
        paper="https://arxiv.org/abs/2309.17453",
    )
    register(
        "oracle_top_k",
        "sparse_hub_maskers_builtin.oracle_top_k:OracleTopKConfig",
        role="selector",
        summary="the keys of the highest exact attention scores, an upper bound for top-k methods",
    )
