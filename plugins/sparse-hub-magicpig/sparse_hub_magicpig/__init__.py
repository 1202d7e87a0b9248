"""MagicPIG as a sparse-hub plugin."""

from __future__ import annotations

from sparse_hub_core import RegisterMasker, hookimpl


@hookimpl
def register_maskers(register: RegisterMasker) -> None:
    """Offer magic_pig."""
    register(
        "magic_pig",
        "sparse_hub_magicpig.magic_pig:MagicPigConfig",
        role="selector",
        summary="LSH sampling of keys",
        paper="https://arxiv.org/abs/2410.16179",
    )
