"""Fits samples into a context length."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sparse_hub_benchmarks_builtin.generating.fit import largest_fitting
from sparse_hub_benchmarks_builtin.generating.sample import Task
from sparse_hub_core import CountTokens, Lengths

_PROBES = tuple(f"probe-{index}" for index in range(32))
_MEASURED_UNITS = 16


@dataclass(frozen=True)
class Filler:
    """Finds how many haystack units fill a length, starting from what a typical sample takes."""

    task: Task
    lengths: Lengths
    typical_units: int
    unit_length: float

    @classmethod
    def measured(cls, task: Task, lengths: Lengths) -> Filler:
        """Return a filler that knows the typical sample, measured on a probe."""
        few, many = (
            task.render(_PROBES[0], task.smallest + more).length(lengths.count_tokens) for more in (0, _MEASURED_UNITS)
        )
        unit_length = max((many - few) / _MEASURED_UNITS, 1.0)
        rough = cls(task, lengths, int(lengths.max_context_length / unit_length), unit_length)
        return replace(rough, typical_units=rough.units(_PROBES[0]) or task.smallest)

    def units(self, key: str) -> int | None:
        """Return how many units fill the length with the sample of a key, nothing when none do."""
        limit, smallest = self.lengths.max_context_length, self.task.smallest
        # No unit is shorter than a token; this also ends the search for a tokenizer that counts oddly.
        largest = max(limit, smallest)
        return largest_fitting(
            lambda units: self.length(key, units),
            limit,
            smallest,
            largest,
            self.typical_units,
            self.unit_length,
        )

    def length(self, key: str, units: int) -> int:
        """Return the length of the sample of a key at a number of units."""
        return self.task.render(key, units).length(self.lengths.count_tokens)


def shortest_length(task: Task, count_tokens: CountTokens) -> int:
    """Return the length that the smallest haystack needs, the longest of many probes."""
    return max(task.render(probe, task.smallest).length(count_tokens) for probe in _PROBES)
