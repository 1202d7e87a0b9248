"""Running the checks on a masker without pytest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sparse_hub_core.testing.catalogue import CHECKS
from sparse_hub_core.testing.check import Check
from sparse_hub_core.testing.subject import Subject

FIRST_LINE = 400
"""Characters of a failure that are told; libraries may put a whole tensor into theirs."""


@dataclass(frozen=True)
class Outcome:
    """How one check ended."""

    check: Check
    result: Literal["ok", "failed", "expected failure", "does not apply"]
    reason: str | None = None


def run_checks(subject: Subject) -> Iterator[Outcome]:
    """Yield how each check ends; a failure that is known and does not come is a failure too."""
    for check in CHECKS:
        yield _run(check, subject)


def _run(check: Check, subject: Subject) -> Outcome:
    known = subject.config_class.known_failures.get(check.name)
    try:
        reason = check.does_not_apply(subject)
        if reason is not None:
            return Outcome(check, "does not apply", reason)
        check(subject)
    except AssertionError as error:
        if known is not None:
            return Outcome(check, "expected failure", known)
        return Outcome(check, "failed", " ".join(str(error).split())[:FIRST_LINE])
    if known is not None:
        return Outcome(check, "failed", f"it passes, but known_failures expects it to fail: {known}")
    return Outcome(check, "ok")
