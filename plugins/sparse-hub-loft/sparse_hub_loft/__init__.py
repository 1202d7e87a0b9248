"""LOFT as a sparse-hub plugin."""

from __future__ import annotations

from sparse_hub_core import RegisterBenchmark, hookimpl
from sparse_hub_loft.subsets import SUBSETS


@hookimpl
def register_benchmarks(register: RegisterBenchmark) -> None:
    """Offer loft."""
    register(
        "loft",
        "sparse_hub_loft.loft:Loft",
        subsets=SUBSETS,
        summary="questions about a corpus that lies whole in the context",
        version="1",
    )
