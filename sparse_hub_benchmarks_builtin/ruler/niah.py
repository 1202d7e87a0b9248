"""Needle in a haystack: one fact is asked for among noise or among other facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from uuid import UUID

from sparse_hub_benchmarks_builtin.ruler.sample import NOISE, Sample, Task, stream
from sparse_hub_benchmarks_builtin.ruler.words import word_pair
from sparse_hub_core import Question

TOKENS_TO_GENERATE = 128


def _number(random: Random) -> str:
    return str(random.randint(10**6, 10**7 - 1))


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


@dataclass(frozen=True)
class Niah:
    """One of RULER's single-query needle tasks."""

    value_name: str
    draw_key: Callable[[Random], str]
    draw_value: Callable[[Random], str]
    among_needles: bool

    def render(self, key: str, units: int) -> Sample:
        """Return the sample of a key, its needle in front of one of ``units`` haystack lines."""
        needles = self._needles(stream(key, "needles"))
        asked, answer = next(needles)
        others = islice(needles, units)
        lines = [self._line(*other) for other in others] if self.among_needles else [NOISE] * units
        # A fraction of the haystack, so that the needle keeps its place while the length is being fitted.
        lines.insert(int(stream(key, "place").random() * units), self._line(asked, answer))
        name = self.value_name
        intro = (
            f"A special magic {name} is hidden within the following text. Make sure to memorize it. "
            f"I will quiz you about the {name} afterwards."
        )
        question = Question(
            text=f"\nWhat is the special magic {name} for {asked} mentioned in the provided text?",
            references=(answer,),
            answer_prefix=f" The special magic {name} for {asked} mentioned in the provided text is",
            max_new_tokens=TOKENS_TO_GENERATE,
        )
        return Sample("\n".join([intro, *lines]), question)

    def _needles(self, random: Random) -> Iterator[tuple[str, str]]:
        taken: set[str] = set()
        while True:
            key = self.draw_key(random)
            if key not in taken:
                taken.add(key)
                yield key, self.draw_value(random)

    def _line(self, key: str, value: str) -> str:
        return f"One of the special magic {self.value_name}s for {key} is: {value}."


NIAH_SINGLE_1 = Task(Niah("number", word_pair, _number, among_needles=False).render, smallest=1)
NIAH_MULTIKEY_2 = Task(Niah("number", word_pair, _number, among_needles=True).render, smallest=1)
NIAH_MULTIKEY_3 = Task(Niah("uuid", _uuid, _uuid, among_needles=True).render, smallest=1)
