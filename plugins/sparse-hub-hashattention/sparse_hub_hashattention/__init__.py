"""HashAttention as a sparse-hub plugin."""

from __future__ import annotations

from sparse_hub_core import RegisterMasker, hookimpl


@hookimpl
def register_maskers(register: RegisterMasker) -> None:
    """Offer hash_attention."""
    register(
        "hash_attention",
        "sparse_hub_hashattention.hash_attention:HashAttentionConfig",
        role="selector",
        summary="top-k by agreeing bits of hashed queries and keys",
        paper="https://arxiv.org/abs/2412.14468",
        top_k=True,
    )
