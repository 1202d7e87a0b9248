"""A selector in a package of its own; registering it imports no torch."""

from sparse_hub_core import hookimpl


@hookimpl
def register_maskers(register):
    register(
        "strided",
        "sparse_hub_strided.strided:StridedConfig",
        role="selector",
        summary="every stride-th key",
    )
