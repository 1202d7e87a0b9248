"""What a check is, and how one is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import torch

from sparse_hub_core.testing.subject import Subject

Condition: TypeAlias = Callable[[Subject], str | None]
"""Returns why a check says nothing of a masker, or None."""


@dataclass(frozen=True)
class Check:
    """One thing that a masker must hold; calling it raises AssertionError with a sentence that says what differs."""

    name: str
    description: str
    function: Callable[[Subject], None]
    conditions: tuple[Condition, ...] = ()

    def does_not_apply(self, subject: Subject) -> str | None:
        """Return why this check says nothing of a masker, or None where it must be passed.

        Raises:
            AssertionError: The masker raises where it is asked for what decides that.
        """
        with told_as_failure():
            return next((reason for condition in self.conditions if (reason := condition(subject))), None)

    def __call__(self, subject: Subject) -> None:
        """Check the masker.

        Raises:
            AssertionError: It does not hold.
        """
        with told_as_failure(), one_thread():
            self.function(subject)


def check(*conditions: Condition) -> Callable[[Callable[[Subject], None]], Check]:
    """Make a function a check of the same name, described by its docstring."""

    def decorate(function: Callable[[Subject], None]) -> Check:
        return Check(function.__name__, (function.__doc__ or "").strip(), function, conditions)

    return decorate


@contextmanager
def told_as_failure() -> Iterator[None]:
    """Turn whatever a masker under test raises into the failure of a check."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"it raises {type(error).__name__}: {error}") from error


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: on tensors this small more of them only wait, and sums would round otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def require(condition: object, sentence: str) -> None:
    """Fail with a sentence; unlike ``assert``, also where Python is told to optimise.

    Raises:
        AssertionError: The condition is false.
    """
    if not condition:
        raise AssertionError(sentence)
