"""Checks of one subset become checks of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject
from sparse_hub_core.testing.benchmarks.subset import SubsetSubject
from sparse_hub_core.testing.check import Check, told_as_failure

SubsetCondition: TypeAlias = Callable[[SubsetSubject], "str | None"]
"""Returns why a check says nothing of a subset, or None."""
NAMED = 3
"""Subsets that are named beside the first that fails."""


def each_subset(
    *conditions: SubsetCondition,
) -> Callable[[Callable[[SubsetSubject], None]], Check[BenchmarkSubject]]:
    """Make a function of a subset a check of all those it applies to; failures begin with the subset's name."""

    def decorate(function: Callable[[SubsetSubject], None]) -> Check[BenchmarkSubject]:
        def check_each(subject: BenchmarkSubject) -> None:
            failures = {}
            for subset in subject.subsets:
                try:
                    with told_as_failure():
                        if _reason(conditions, subset) is None:
                            function(subset)
                except AssertionError as error:
                    failures[subset.name] = str(error)
            if failures:
                raise AssertionError(_told(failures))

        def applies_nowhere(subject: BenchmarkSubject) -> str | None:
            reasons = [_reason_or_failure(conditions, subset) for subset in subject.subsets]
            return reasons[0] if reasons and all(reasons) else None

        return Check(function.__name__, (function.__doc__ or "").strip(), check_each, (applies_nowhere,))

    return decorate


def _reason(conditions: Sequence[SubsetCondition], subset: SubsetSubject) -> str | None:
    return next((reason for condition in conditions if (reason := condition(subset))), None)


def _reason_or_failure(conditions: Sequence[SubsetCondition], subset: SubsetSubject) -> str | None:
    try:
        return _reason(conditions, subset)
    except Exception:
        # The check is run, and tells what was raised, and where.
        return None


def _told(failures: dict[str, str]) -> str:
    (name, sentence), *others = failures.items()
    if not others:
        return f"{name}: {sentence}"
    names = ", ".join(other for other, _ in others[:NAMED]) + (", ..." if len(others) > NAMED else "")
    return f"{name}: {sentence} ({len(others)} more of its subsets fail: {names})"
