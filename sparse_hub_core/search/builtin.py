"""The search algorithms and objectives that come with sparse-hub."""

from __future__ import annotations

from sparse_hub_core.callbacks import RegisterObjective, RegisterSearchAlgorithm
from sparse_hub_core.hookspecs import hookimpl


@hookimpl
def register_search_algorithms(register: RegisterSearchAlgorithm) -> None:
    """Offer nevergrad, random and grid."""
    register("nevergrad", "sparse_hub_core.search.nevergrad_search:NevergradSearch", summary="nevergrad's NGOpt")
    register("random", "sparse_hub_core.search.random_search:RandomSearch", summary="independent random draws")
    register("grid", "sparse_hub_core.search.grid_search:GridSearch", summary="all combinations, in a shuffled order")


@hookimpl
def register_objectives(register: RegisterObjective) -> None:
    """Offer the default objective and the sparsity targets."""
    module = "sparse_hub_core.search.objectives"
    register("default", f"{module}:default", summary="error + 0.1 * density + 5 * [density > 0.5]")
    for percent in (2, 5, 10, 15, 20, 25):
        register(
            f"sparsity_{percent}",
            f"{module}:sparsity_{percent}",
            summary=f"0.99 * error + 0.01 * density + 10 * max(0, density - {percent / 100:.2f})",
        )
