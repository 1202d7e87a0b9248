"""The benchmarks that come with sparse-hub, and the demo model."""

from __future__ import annotations

from pathlib import Path

from sparse_hub_benchmarks_builtin.aime.subsets import SUBSETS_2024 as AIME_2024
from sparse_hub_benchmarks_builtin.aime.subsets import SUBSETS_2025 as AIME_2025
from sparse_hub_benchmarks_builtin.infinite_bench.subsets import SUBSETS as INFINITE_BENCH
from sparse_hub_benchmarks_builtin.longbench.subsets import SUBSETS as LONGBENCH
from sparse_hub_benchmarks_builtin.longbench_v2.subsets import SUBSETS as LONGBENCH_V2
from sparse_hub_benchmarks_builtin.loogle.subsets import SUBSETS as LOOGLE
from sparse_hub_benchmarks_builtin.ruler.subsets import SUBSETS as RULER
from sparse_hub_benchmarks_builtin.zero_scrolls.subsets import SUBSETS as ZERO_SCROLLS
from sparse_hub_core import RegisterBenchmark, RegisterModel, hookimpl


@hookimpl
def register_benchmarks(register: RegisterBenchmark) -> None:
    """Offer the benchmarks that papers cite."""
    register(
        "ruler",
        "sparse_hub_benchmarks_builtin.ruler.benchmark:Ruler",
        subsets=RULER,
        summary="retrieval, variable tracking, word counts and questions over documents, at any context length",
        version="1",
    )
    register(
        "longbench",
        "sparse_hub_benchmarks_builtin.longbench.benchmark:LongBench",
        subsets=LONGBENCH,
        summary="questions, summaries, examples and code in English and Chinese",
        version="1",
    )
    register(
        "longbench_v2",
        "sparse_hub_benchmarks_builtin.longbench_v2.benchmark:LongBenchV2",
        subsets=LONGBENCH_V2,
        summary="multiple-choice questions about very long texts",
        version="1",
    )
    register(
        "infinite_bench",
        "sparse_hub_benchmarks_builtin.infinite_bench.benchmark:InfiniteBench",
        subsets=INFINITE_BENCH,
        summary="retrieval, code, numbers and books at more than 100K tokens, and five tasks at any length",
        version="1",
    )
    register(
        "zero_scrolls",
        "sparse_hub_benchmarks_builtin.zero_scrolls.benchmark:ZeroScrolls",
        subsets=ZERO_SCROLLS,
        summary="summaries, questions, aggregation and sorting over long English texts",
        version="1",
    )
    register(
        "loogle",
        "sparse_hub_benchmarks_builtin.loogle.benchmark:LooGLE",
        subsets=LOOGLE,
        summary="questions, clozes and summaries over long documents written after 2022",
        version="1",
    )
    for year, subsets in ((2024, AIME_2024), (2025, AIME_2025)):
        register(
            f"aime{year}",
            f"sparse_hub_benchmarks_builtin.aime.benchmark:Aime{year}",
            subsets=subsets,
            summary=f"the competition problems of AIME {year}, with long answers and no context",
            version="1",
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
