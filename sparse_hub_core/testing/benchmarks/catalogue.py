"""All checks of benchmarks, theme by theme."""

from __future__ import annotations

from sparse_hub_core.testing.benchmarks import isolation, lengths, metadata, requests, sample, scores
from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject
from sparse_hub_core.testing.check import Check, checks_of

BENCHMARK_CHECKS: tuple[Check[BenchmarkSubject], ...] = checks_of(
    metadata,
    sample,
    requests,
    lengths,
    scores,
    isolation,
)
"""In the order in which they are run and documented."""
