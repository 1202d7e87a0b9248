"""Misspells the argument of its hook."""

from sparse_hub_core import hookimpl


@hookimpl
def register_maskers(registrar):
    registrar("misspelt", "sparse_hub_misspelt_argument.misspelt:Misspelt", role="selector", summary="never got here")
