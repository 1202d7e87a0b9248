"""A pass key or a sequence of digits, said twice in one line among lines of noise."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sparse_hub_benchmarks_builtin.generating.sample import NOISE, Sample, Task, stream
from sparse_hub_benchmarks_builtin.infinite_bench.generated.asking import ask

_DIGITS = 5
_DEPTHS = 58
"""Officially the line stands at each of 58 even steps, or at the end."""


@dataclass(frozen=True)
class HiddenDigits:
    """One of the two tasks; ``name`` is what the digits are called."""

    task: str
    name: str
    repeats: int
    """Digits that are doubled after the first five were drawn."""

    def render(self, key: str, units: int) -> Sample:
        """Return the sample of a key with ``units`` lines of noise."""
        digits = self._digits(stream(key, "digits"))
        lines = [NOISE] * units
        depth = stream(key, "place").randint(0, _DEPTHS)
        hidden = f"The {self.name} is {digits}. Remember it. {digits} is the {self.name}."
        lines.insert(depth * units // _DEPTHS, hidden)
        return ask(self.task, "\n".join(lines) + "\n", f"What is the {self.name}?", digits)

    def _digits(self, random: Random) -> str:
        digits = [str(random.randint(0, 9)) for _ in range(_DIGITS)]
        for _ in range(self.repeats):
            place = random.randrange(len(digits))
            digits.insert(place, digits[place])
        return "".join(digits)


PASSKEY = Task(HiddenDigits("passkey", "pass key", repeats=0).render, smallest=1)
NUMBER_STRING = Task(HiddenDigits("number_string", "sequence of digits", repeats=5).render, smallest=1)
