"""Benchmarks that declare too little, or something else than they have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from breaking_benchmarks import BROKEN, Broken, breaks, declares
from good_benchmarks import COMMIT, NUMBERS, TOWNS, Numbers, Towns

from sparse_hub_core import HubDataset, Lengths, Request

BROKEN += [
    Broken("benchmark_is_described", Numbers, (), "no subsets"),
    Broken("benchmark_is_described", Numbers, (NUMBERS, NUMBERS), "the same name: ['numbers', 'numbers']"),
    Broken("benchmark_is_described", Numbers, (NUMBERS,), "no version", (("version", ""),)),
    Broken("benchmark_is_described", Numbers, (NUMBERS,), "no summary", (("summary", " "),)),
]
for changes, says in (
    ({"metric": "score"}, "the metric has the name 'score'"),
    ({"score_range": (100.0, 0.0)}, "(100.0, 0.0) is not"),
    ({"score_range": (0.0, math.inf)}, "(0.0, inf) is not"),
    ({"licence": "unknown"}, "the licence is not declared"),
    ({"typical_length": 0}, "the typical_length is 0"),
    ({"other_metrics": ("contains",)}, "two metrics have the same name"),
    ({"generated": False}, "dataset() names none"),
):
    declares("metadata_is_complete", says, Numbers, **changes)
declares("metadata_is_complete", "dataset() names one", Towns, generated=True)


@breaks("metadata_is_complete", "names no columns")
class NamesNoColumns(Towns):
    def dataset(self, subset: str) -> HubDataset | None:
        return HubDataset("someone/towns", subset, (), revision=COMMIT)


@breaks("dataset_revision_is_pinned", "'main', which is no commit")
class FollowsABranch(Towns):
    def dataset(self, subset: str) -> HubDataset | None:
        return HubDataset("someone/towns", subset, ("text",))


@breaks("unknown_subset_raises", "raises KeyError")
class LooksItUp(Numbers):
    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        return super().requests({"numbers": "numbers"}[subset], lengths, seed)


@breaks("unknown_subset_raises", "without a word")
class TakesAnyName(Numbers):
    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        return super().requests("numbers", lengths, seed)


@breaks("unknown_subset_raises", "does not name it")
class BlamesTheData(Towns):
    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        if subset not in self.subsets:
            return super().requests("no such", lengths, seed)
        return super().requests(subset, lengths, seed)


@breaks("missing_packages_are_told_early", "check_metrics raises ImportError")
class ImportsAtOnce(Towns):
    def check_metrics(self) -> None:
        if self.extra_metrics:
            raise ImportError("no module named learned")


@breaks("known_failures_have_reasons", "which are no checks")
class KnowsNoCheck(Numbers):
    known_failures = {"no_such_check": "it is not worth the trouble"}  # noqa: RUF012


@breaks("known_failures_have_reasons", "gives no reason")
class GivesNoReason(Numbers):
    known_failures = {"ids_are_unique": "flaky"}  # noqa: RUF012


BROKEN.append(
    # Of two subsets the one that fails is named.
    Broken("metadata_is_complete", Towns, (TOWNS, replace(TOWNS, name="hidden", licence="")), "hidden: the licence")
)
