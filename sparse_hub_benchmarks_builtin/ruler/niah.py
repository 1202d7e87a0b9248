"""Needle in a haystack: one fact is asked for among noise or among other facts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from sparse_hub_benchmarks_builtin.generating.sample import NOISE, Sample, Task, stream
from sparse_hub_benchmarks_builtin.ruler.needles import NUMBERS, UUIDS_BY_UUID, NeedleKind


@dataclass(frozen=True)
class Niah:
    """One of RULER's tasks with a single needle and a haystack of lines."""

    kind: NeedleKind
    among_needles: bool

    def render(self, key: str, units: int) -> Sample:
        """Return the sample of a key, its needle in front of one of ``units`` haystack lines."""
        needles = self.kind.draw(stream(key, "needles"))
        asked, (answer,) = next(needles)
        others = islice(needles, units)
        lines = [self.kind.line(name, value) for name, (value,) in others] if self.among_needles else [NOISE] * units
        # A fraction of the haystack, so that the needle keeps its place while the length is being fitted.
        lines.insert(int(stream(key, "place").random() * units), self.kind.line(asked, answer))
        intro, question = self.kind.frame((asked,), (answer,))
        return Sample("\n".join([intro, *lines]), question)


NIAH_SINGLE_1 = Task(Niah(NUMBERS, among_needles=False).render, smallest=1)
NIAH_MULTIKEY_2 = Task(Niah(NUMBERS, among_needles=True).render, smallest=1)
NIAH_MULTIKEY_3 = Task(Niah(UUIDS_BY_UUID, among_needles=True).render, smallest=1)
