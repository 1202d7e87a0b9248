"""The search algorithms and objectives that come with sparse-hub."""

from __future__ import annotations

from sparse_hub_core.callbacks import RegisterObjective, RegisterSearchAlgorithm
from sparse_hub_core.hookspecs import hookimpl


@hookimpl
def register_search_algorithms(register: RegisterSearchAlgorithm) -> None:
    """Offer nevergrad's optimizers, optuna's TPE and NSGA-II, hyperopt's TPE, random and grid."""
    home = "sparse_hub_core.search"
    register(
        "nevergrad",
        f"{home}.nevergrad_search:NevergradSearch",
        summary="nevergrad's NGOpt, or another of its optimizers by name",
        packages=("nevergrad",),
    )
    register("optuna_tpe", f"{home}.optuna_tpe:OptunaTPE", summary="optuna's multivariate TPE", packages=("optuna",))
    register(
        "optuna_nsga2",
        f"{home}.optuna_nsga2:OptunaNSGA2",
        summary="optuna's NSGA-II, a population",
        packages=("optuna",),
    )
    register(
        "hyperopt",
        f"{home}.hyperopt_search:HyperoptSearch",
        summary="hyperopt's TPE, each parameter by itself",
        packages=("hyperopt",),
    )
    register("random", f"{home}.random_search:RandomSearch", summary="independent random draws")
    register("grid", f"{home}.grid_search:GridSearch", summary="all combinations, in a shuffled order")


@hookimpl
def register_objectives(register: RegisterObjective) -> None:
    """Offer the default objective, the sparsity targets, and what is searched within a budget."""
    module = "sparse_hub_core.search.objectives"
    register("default", f"{module}:default", summary="error + 0.1 * density + 5 * [density > 0.5]")
    for percent in (2, 5, 10, 15, 20, 25):
        register(
            f"sparsity_{percent}",
            f"{module}:sparsity_{percent}",
            summary=f"0.99 * error + 0.01 * density + 10 * max(0, density - {percent / 100:.2f})",
        )
    register("constrained", f"{module}:Constrained", summary="the lowest error within --max-density, --max-io-density")
    register("score", f"{module}:BenchmarkScore", summary="the benchmark's own score; among equals the cheapest")
    register("pareto", f"{module}:Pareto", summary="the lowest error at each --density, a winner for each")
