"""Needle in a haystack of prose: one or several facts among sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, zip_longest

from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task, stream
from sparse_hub_benchmarks_builtin.ruler.haystack import Haystack
from sparse_hub_benchmarks_builtin.ruler.needles import NUMBERS, UUIDS, NeedleKind

DEPTHS = tuple(round(100 * step / 39) for step in range(40))
"""Where a needle may stand, in percent of the sentences."""
_SMALLEST = 120


@dataclass(frozen=True)
class ProseNiah:
    """One of RULER's tasks with a haystack of prose; the units are words."""

    kind: NeedleKind
    keys: int = 1
    values: int = 1
    queries: int = 1

    def task(self, haystack: Haystack) -> Task:
        """Return the task with this haystack."""
        return Task(lambda key, units: self._render(haystack, key, units), _SMALLEST)

    def _render(self, haystack: Haystack, key: str, units: int) -> Sample:
        needles = list(islice(self.kind.draw(stream(key, "needles"), self.values), self.keys))
        asked = stream(key, "asked").sample(needles, self.queries)
        lines = [self.kind.line(name, value) for name, values in needles for value in values]
        stream(key, "order").shuffle(lines)
        depths = sorted(stream(key, "place").sample(DEPTHS, len(lines)))
        answers = tuple(value for _, values in asked for value in values)
        intro, question = self.kind.frame([name for name, _ in asked], answers)
        return Sample(f"{intro}\n{_hide(lines, depths, haystack, units)}", question)


def _hide(lines: Sequence[str], depths: Sequence[int], haystack: Haystack, units: int) -> str:
    sentences = haystack.sentences(units)
    # Rounded as the official code does: 50 * (58 / 100) is a little less than 29.
    chosen = [int(sentences * (depth / 100)) for depth in depths]
    bounds = [0, *(haystack.start(sentence) if sentence < sentences else units for sentence in chosen), units]
    stretches = [haystack.text(first, last) for first, last in pairwise(bounds)]
    pairs = zip_longest(stretches, lines)
    # Stretches without a sentence are kept, so that the spaces around a needle are the official ones.
    return " ".join(part for pair in pairs for part in pair if part is not None)


PROSE_TASKS = {
    "niah_single_2": ProseNiah(NUMBERS),
    "niah_single_3": ProseNiah(UUIDS),
    "niah_multikey_1": ProseNiah(NUMBERS, keys=4),
    "niah_multivalue": ProseNiah(NUMBERS, values=4),
    "niah_multiquery": ProseNiah(NUMBERS, keys=4, queries=4),
}
