"""The benchmarks that come with sparse-hub, and the demo model."""

from __future__ import annotations

from pathlib import Path

from sparse_hub_core import RegisterBenchmark, RegisterModel, hookimpl


@hookimpl
def register_benchmarks(register: RegisterBenchmark) -> None:
    """Offer RULER, generated at any length."""
    register(
        "ruler",
        "sparse_hub_benchmarks_builtin.ruler.benchmark:Ruler",
        subsets=("niah_single_1", "niah_multikey_2", "niah_multikey_3", "vt"),
        metric="string_match_all",
        score_range=(0.0, 100.0),
        summary="needle retrieval and variable tracking, generated at any context length",
        licence="Apache-2.0",
        generated=True,
    )


@hookimpl
def register_models(register: RegisterModel) -> None:
    """Offer the demo model, trained for needle retrieval and shipped with this package."""
    register(
        "demo",
        Path(__file__).parent / "demo_model",
        summary="a 3M-parameter Llama trained for needle retrieval, shipped with sparse-hub",
        max_context_length=2048,
    )
