"""XAttention as a sparse-hub plugin."""

from __future__ import annotations

from sparse_hub_core import RegisterMasker, RegisterPreset, hookimpl


@hookimpl
def register_maskers(register: RegisterMasker) -> None:
    """Offer xattention."""
    register(
        "xattention",
        "sparse_hub_xattention.xattention:XAttentionConfig",
        role="prefill",
        summary="blocks of the prefix by their antidiagonals",
        paper="https://arxiv.org/abs/2503.16428",
    )


@hookimpl
def register_presets(register: RegisterPreset) -> None:
    """Offer it with dense decoding, and with a decode stage that reads little."""
    register("xattention", ["xattention"], summary="the prefix in blocks, what follows densely")
    register("xattention_sink_local", ["xattention", "sink", "local"], summary="the prefix in blocks, then a window")
