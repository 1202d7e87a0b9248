"""Prefix snapshots that are made once on each machine."""

from __future__ import annotations

from sparse_hub_core.models.decoding import prefill
from sparse_hub_core.models.loading import LoadedModel
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.snapshot import ModelFiles, PrefixSnapshot


def prefix_snapshot(loaded: LoadedModel, prompt: Prompt, files: ModelFiles | None) -> PrefixSnapshot:
    """Return the prefix's snapshot, prefilled now only when no process of the machine has."""
    if files is None:
        return prefill(loaded, prompt.prefix)
    found = files.load_prefix(prompt)
    if found is not None:
        return found
    with files.store.making(files.prefix_key(prompt)):
        found = files.load_prefix(prompt)
        if found is None:
            found = prefill(loaded, prompt.prefix)
            files.save_prefix(prompt, found)
    return found
