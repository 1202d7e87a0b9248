"""One of two plugins that claim the masker name ``twin``."""

from sparse_hub_core import hookimpl


@hookimpl
def register_maskers(register):
    register("twin", "sparse_hub_twin_a.twin:TwinA", role="selector", summary="the twin of package a")
