"""Who goes on from one rung to the next, and how far the two agree on who is good."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sparse_hub_core.fidelity import Fidelity, Measures
from sparse_hub_core.results.schema import Correlation, TrialLine
from sparse_hub_core.search.ladder import correlate, promoted
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog


@dataclass(frozen=True)
class Promotion:
    """Ranks what a search has tried by its targets."""

    log: TrialLog
    targets: tuple[Target, ...]

    def best(self, finished: Sequence[TrialLine], count: int) -> list[TrialLine]:
        """Return so many lines of a rung, the best for each target in turn."""
        chosen: dict[str, TrialLine] = {}
        for index, target in enumerate(self.targets):
            share = count // len(self.targets) + (index < count % len(self.targets))
            others = [line for line in ranked(finished, target) if self.log.key(line.parameters) not in chosen]
            chosen |= {self.log.key(line.parameters): line for line in promoted(others, min(share, len(others)))}
        return list(chosen.values())

    def correlation(self, lower: Fidelity, upper: Fidelity, keys: Collection[str]) -> Correlation | None:
        """Return how two rungs agree on those of some configurations that ended well at both.

        Each rung's values are those that it ranked by, so that the requests it did not see count against it.
        """
        below, above = self._finished(lower), self._finished(upper)
        both = [key for key in above if key in below and key in keys]
        plain = self.targets[0].plain
        lows, highs = ([plain(_measures(lines[key])) for key in both] for lines in (below, above))
        return correlate(lower, upper, lows, highs)

    def _finished(self, fidelity: Fidelity) -> dict[str, TrialLine]:
        return {self.log.key(line.parameters): line for line in self.log.finished(fidelity)}


def ranked(finished: Sequence[TrialLine], target: Target) -> list[TrialLine]:
    """Return the lines of trials that ended well, the best for a target first and the cheaper first among equals."""

    def value(line: TrialLine) -> tuple[float, float]:
        measures = _measures(line)
        return target.value(measures), measures.io_density

    return sorted(finished, key=value)


def _measures(finished: TrialLine) -> Measures:
    assert finished.measures is not None, "it ended well"
    return finished.measures
