"""The list of broken benchmarks: for every check of the kit at least one that fails it, and none before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from good_benchmarks import NUMBERS, TOWNS, Numbers

from sparse_hub_core import Benchmark, Subset
from sparse_hub_core.testing import BenchmarkSubject


@dataclass(frozen=True)
class Broken:
    """A class and the metadata that it comes with; ``says`` is in the sentence of the failure."""

    check: str
    benchmark: type[Benchmark]
    subsets: tuple[Subset, ...]
    says: str
    about: tuple[tuple[str, str], ...] = ()

    def subject(self) -> BenchmarkSubject:
        return BenchmarkSubject.of(self.benchmark, self.subsets, **dict(self.about))


BROKEN: list[Broken] = []
ClassT = TypeVar("ClassT", bound=type[Benchmark])


def breaks(check: str, says: str, **changes: Any) -> Callable[[ClassT], ClassT]:
    """List a class as one that fails a check, its subset's metadata changed."""

    def register(benchmark: ClassT) -> ClassT:
        declares(check, says, benchmark, **changes)
        return benchmark

    return register


def declares(check: str, says: str, benchmark: type[Benchmark], **changes: Any) -> None:
    """List metadata that fail a check."""
    subset = NUMBERS if issubclass(benchmark, Numbers) else TOWNS
    BROKEN.append(Broken(check, benchmark, (replace(subset, **changes),), says))
