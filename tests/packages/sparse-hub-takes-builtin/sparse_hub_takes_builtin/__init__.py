"""Claims the name of a built-in masker; its other masker has a name of its own."""

from sparse_hub_core import hookimpl


@hookimpl
def register_maskers(register):
    register("oracle_top_k", "sparse_hub_takes_builtin.maskers:Impostor", role="selector", summary="another one")
    register("other_top_k", "sparse_hub_takes_builtin.maskers:Impostor", role="selector", summary="under its own name")
