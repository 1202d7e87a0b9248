"""Checks of what is declared, which need neither requests nor rows."""

from __future__ import annotations

import math
import re

from sparse_hub_core.benchmark import Lengths
from sparse_hub_core.errors import UsageError
from sparse_hub_core.registry import Subset
from sparse_hub_core.testing.benchmarks.conditions import has_dataset, has_extra_metrics
from sparse_hub_core.testing.benchmarks.each_subset import each_subset
from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject
from sparse_hub_core.testing.benchmarks.subset import LENGTH_OF_FIXED, SEED, SubsetSubject, words
from sparse_hub_core.testing.check import check, require, require_reasons

COMMIT = re.compile("[0-9a-f]{40}")
NO_SUBSET = "no_such_subset"


@check()
def benchmark_is_described(subject: BenchmarkSubject) -> None:
    """It has a summary, a version, and subsets of different names."""
    require(subject.summary.strip(), "it has no summary; register it with one")
    require(str(subject.version).strip(), "it has no version; register it with one")
    names = [subset.name for subset in subject.declared]
    require(names, "it has no subsets; register at least one")
    require(len(set(names)) == len(names), f"two of its subsets have the same name: {sorted(names)}")


@each_subset()
def metadata_is_complete(subset: SubsetSubject) -> None:
    """Metric, score range and licence are declared, and a dataset with its columns for what is not generated."""
    declared = subset.declared
    require(
        declared.metric.strip() not in ("", "score"), f"the metric has the name {declared.metric!r}; say which it is"
    )
    low, high = declared.score_range
    ordered = math.isfinite(low) and math.isfinite(high) and low < high
    require(ordered, f"the score_range {declared.score_range} is not one finite number below another")
    require(declared.licence.strip() not in ("", "unknown"), "the licence is not declared")
    length = declared.typical_length
    require(length is None or length > 0, f"the typical_length is {length}, where None says that any length is filled")
    _require_metric_names(declared)
    _require_dataset(subset)


def _require_metric_names(declared: Subset) -> None:
    names = (declared.metric, *declared.other_metrics, *declared.extra_metrics)
    require(all(names), f"a metric has no name: {names}")
    require(len(set(names)) == len(names), f"two metrics have the same name: {names}")


def _require_dataset(subset: SubsetSubject) -> None:
    dataset = subset.dataset
    if subset.declared.generated:
        require(dataset is None, "it is declared as generated, but dataset() names one")
        return
    require(dataset is not None, "it is not declared as generated, but dataset() names none")
    assert dataset is not None
    named = dataset.repository.strip("/") and dataset.config and dataset.split
    require(named, f"the dataset lacks its repository, config or split: {dataset}")
    require(dataset.columns and all(dataset.columns), f"the dataset {dataset.repository} names no columns to be there")


@each_subset(has_dataset)
def dataset_revision_is_pinned(subset: SubsetSubject) -> None:
    """Each dataset is taken at a commit, so that tomorrow's rows are today's."""
    assert subset.dataset is not None
    revision = subset.dataset.revision
    require(COMMIT.fullmatch(revision), f"the dataset is taken at {revision!r}, which is no commit of 40 hex digits")


@check()
def unknown_subset_raises(subject: BenchmarkSubject) -> None:
    """A subset that is not there raises UsageError, which names it."""
    try:
        next(iter(subject.fresh().requests(NO_SUBSET, Lengths(LENGTH_OF_FIXED, words), SEED)), None)
    except UsageError as error:
        require(NO_SUBSET in str(error), f"the error of an unknown subset does not name it: {error}")
    except Exception as error:
        # Whatever else may be raised is what this check is about.
        raise AssertionError(f"an unknown subset raises {type(error).__name__}, not a UsageError") from error
    else:
        raise AssertionError("an unknown subset is taken without a word")


@each_subset(has_extra_metrics)
def missing_packages_are_told_early(subset: SubsetSubject) -> None:
    """Where an extra metric is asked for, check_metrics passes, or raises UsageError that says what to install."""
    for name in subset.declared.extra_metrics:
        benchmark = subset.owner.fresh((name,))
        try:
            benchmark.check_metrics()
        except UsageError as error:
            require(len(str(error).split()) > 3, f"without what {name} needs, check_metrics says only {str(error)!r}")
        except Exception as error:
            # Whatever else may be raised is what this check is about.
            raise AssertionError(f"check_metrics raises {type(error).__name__} for {name}, no UsageError") from error


@check()
def known_failures_have_reasons(subject: BenchmarkSubject) -> None:
    """What known_failures names are checks, each with a reason."""
    require_reasons(subject)
