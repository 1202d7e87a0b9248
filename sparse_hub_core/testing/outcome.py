"""Running the checks of a subject without pytest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sparse_hub_core.testing.check import Check, Checked

FIRST_LINE = 400
"""Characters of a failure that are told; libraries may put a whole tensor into theirs."""


@dataclass(frozen=True)
class Outcome:
    """How one check ended."""

    check: Check[Any]
    result: Literal["ok", "failed", "expected failure", "does not apply"]
    reason: str | None = None


def run_checks(subject: Checked) -> Iterator[Outcome]:
    """Yield how each check of a subject ends; a failure that is known and does not come is a failure too."""
    for check in subject.checks:
        yield _run(check, subject)


def _run(check: Check[Any], subject: Checked) -> Outcome:
    known = subject.known_failures.get(check.name)
    try:
        reason = check.does_not_apply(subject)
        if reason is not None:
            return Outcome(check, "does not apply", reason)
        check(subject)
    except AssertionError as error:
        if known is not None:
            return Outcome(check, "expected failure", known)
        return Outcome(check, "failed", " ".join(str(error).split())[:FIRST_LINE])
    if known is not None and subject.whole:
        return Outcome(check, "failed", f"it passes, but known_failures expects it to fail: {known}")
    return Outcome(check, "ok")
