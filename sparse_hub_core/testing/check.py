"""What a check is, and how one is written. Free of torch."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, overload

from sparse_hub_core.errors import SparseHubError


class Checked(Protocol):
    """What is under test: a masker, a benchmark or a search algorithm."""

    @property
    def known_failures(self) -> Mapping[str, str]:
        """Checks that it fails, each with the reason."""

    @property
    def whole(self) -> bool:
        """Whether all of it is under test, so that every known failure must show."""

    @property
    def checks(self) -> tuple[Check[Any], ...]:
        """The checks of its kind, in the order in which they are run and documented."""

    def surroundings(self) -> AbstractContextManager[None]:
        """Return what a check runs in."""


SubjectT = TypeVar("SubjectT", bound=Checked)
Condition: TypeAlias = Callable[[SubjectT], "str | None"]
"""Returns why a check says nothing of a subject, or None."""


@dataclass(frozen=True)
class Check(Generic[SubjectT]):
    """One thing that a subject must hold; calling it raises AssertionError with a sentence that says what differs."""

    name: str
    description: str
    function: Callable[[SubjectT], None]
    conditions: tuple[Condition[SubjectT], ...] = ()

    def does_not_apply(self, subject: SubjectT) -> str | None:
        """Return why this check says nothing of a subject, or None where it must be passed.

        Raises:
            AssertionError: The subject raises where it is asked for what decides that.
        """
        with told_as_failure(), subject.surroundings():
            return next((reason for condition in self.conditions if (reason := condition(subject))), None)

    def __call__(self, subject: SubjectT) -> None:
        """Check the subject.

        Raises:
            AssertionError: It does not hold.
        """
        with told_as_failure(), subject.surroundings():
            self.function(subject)


@overload
def check() -> Callable[[Callable[[SubjectT], None]], Check[SubjectT]]: ...
@overload
def check(*conditions: Condition[SubjectT]) -> Callable[[Callable[[SubjectT], None]], Check[SubjectT]]: ...
def check(*conditions: Condition[SubjectT]) -> Callable[[Callable[[SubjectT], None]], Check[SubjectT]]:
    """Make a function a check of the same name, described by its docstring."""

    def decorate(function: Callable[[SubjectT], None]) -> Check[SubjectT]:
        return Check(function.__name__, (function.__doc__ or "").strip(), function, conditions)

    return decorate


def checks_of(*themes: ModuleType) -> tuple[Check[Any], ...]:
    """Return the checks that modules define, in their order."""
    return tuple(value for theme in themes for value in vars(theme).values() if isinstance(value, Check))


@contextmanager
def told_as_failure() -> Iterator[None]:
    """Turn whatever a subject raises into the failure of a check."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"it raises {described(error)}") from error


def described(error: Exception) -> str:
    """Return the kind of an error, the line of the author's code that it comes from, and what it says."""
    # What is raised for people to read says where to look.
    place = "" if isinstance(error, SparseHubError) else _place(error)
    return f"{type(error).__name__}{place}: {error}"


def _place(error: Exception) -> str:
    frames = [
        (_package(frame), frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    not_theirs = {"sparse_hub_core", *sys.stdlib_module_names}
    theirs = next((package for package, *_ in frames if package not in not_theirs), None)
    # Their code may have called a library, whose own last line tells them nothing.
    lines = [(path, line) for package, path, line in frames if package == theirs]
    return f" in {_from_here(lines[-1][0])}, line {lines[-1][1]}" if lines else ""


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _from_here(file: str) -> Path:
    path = Path(file)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def require(condition: object, sentence: str) -> None:
    """Fail with a sentence; unlike ``assert``, also where Python is told to optimise.

    Raises:
        AssertionError: The condition is false.
    """
    if not condition:
        raise AssertionError(sentence)


def require_reasons(subject: Checked) -> None:
    """Require that what ``known_failures`` names are checks, each with a reason.

    Raises:
        AssertionError: One is not, or has none.
    """
    known, names = subject.known_failures, {check.name for check in subject.checks}
    require(known.keys() <= names, f"known_failures names {sorted(known.keys() - names)}, which are no checks")
    for name, reason in known.items():
        require(isinstance(reason, str) and len(reason.split()) > 2, f"known_failures gives no reason for {name!r}")
