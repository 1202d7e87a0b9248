"""SOCKET as a sparse-hub plugin."""

from __future__ import annotations

from sparse_hub_core import RegisterMasker, hookimpl


@hookimpl
def register_maskers(register: RegisterMasker) -> None:
    """Offer socket."""
    register(
        "socket",
        "sparse_hub_socket.socket:SocketConfig",
        role="selector",
        summary="top-k by soft hash collisions",
        paper="https://arxiv.org/abs/2602.06283",
        top_k=True,
    )
