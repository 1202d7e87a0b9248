"""Checks of what an algorithm prints and imports, which a process of its own tells."""

from __future__ import annotations

from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject

SHOWN = 200
"""Characters of an output that are told."""


@check()
def nothing_is_printed(subject: SearchAlgorithmSubject) -> None:
    """Neither output, nor logging, nor warnings appear beside the progress of a run."""
    printed = subject.elsewhere["printed"].strip()
    require(not printed, f"it prints {printed[:SHOWN]!r}")


@check()
def registering_imports_nothing_heavy(subject: SearchAlgorithmSubject) -> None:
    """Registering imports neither torch, ray, transformers nor a search library, the class none of the first three."""
    for what, part in (("registering it", "registering"), ("importing its class", "importing")):
        heavy = subject.elsewhere[part]
        require(not heavy, f"{what} imports {', '.join(heavy)}; import that inside the function that needs it")
