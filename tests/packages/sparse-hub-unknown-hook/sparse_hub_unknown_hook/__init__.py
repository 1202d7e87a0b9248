"""Implements a hook that does not exist, beside one that does."""

from sparse_hub_core import hookimpl


@hookimpl
def register_flavours(register):
    register("vanilla")


@hookimpl
def register_maskers(register):
    register("flavoured", "sparse_hub_unknown_hook.flavoured:Flavoured", role="selector", summary="never gets this far")
