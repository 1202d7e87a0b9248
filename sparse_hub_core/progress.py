"""What a run tells whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import TrialLine


class Progress(Protocol):
    """Is told of every step of a run, in the order in which they happen."""

    def begin(self, steps: int) -> None:
        """A run starts; ``steps`` is an estimate of the requests to evaluate in all cells and stages."""

    def stage(self, title: str) -> None:
        """Something else is being done now, such as "search demo, ruler/vt, local_sink"."""

    def expect(self, more: int) -> None:
        """There are so many more requests to evaluate than was said at first; fewer, where it is negative."""

    def advance(self, steps: int = 1) -> None:
        """So many requests are done, or need not be done."""

    def end(self) -> None:
        """All cells have run, whatever was expected."""

    def trial(self, line: TrialLine, number: int, total: int) -> None:
        """A trial ended, the so manieth of those that run at its fidelity; infeasible ones are not counted."""

    def note(self, sentence: str) -> None:
        """Something the user should know."""


class Silent:
    """Nobody watches."""

    def begin(self, steps: int) -> None:
        """Say nothing."""

    def stage(self, title: str) -> None:
        """Say nothing."""

    def expect(self, more: int) -> None:
        """Say nothing."""

    def advance(self, steps: int = 1) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""

    def trial(self, line: TrialLine, number: int, total: int) -> None:
        """Say nothing."""

    def note(self, sentence: str) -> None:
        """Say nothing."""
