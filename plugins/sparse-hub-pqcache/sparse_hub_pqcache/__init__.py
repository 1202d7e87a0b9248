"""PQCache as a sparse-hub plugin."""

from __future__ import annotations

from sparse_hub_core import RegisterMasker, hookimpl


@hookimpl
def register_maskers(register: RegisterMasker) -> None:
    """Offer pq_cache."""
    register(
        "pq_cache",
        "sparse_hub_pqcache.pq_cache:PqCacheConfig",
        role="selector",
        summary="top-k by product-quantised keys",
        paper="https://arxiv.org/abs/2407.12820",
        top_k=True,
    )
