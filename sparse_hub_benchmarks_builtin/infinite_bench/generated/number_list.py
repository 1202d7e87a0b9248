"""A list of numbers below 100, of which the largest, the smallest or the median is asked for, or the next ones."""

from __future__ import annotations

from random import Random
from statistics import median

from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task, stream
from sparse_hub_benchmarks_builtin.infinite_bench.generated.asking import ask

_HIGHEST = 99
_ORDINALS = ("", "second ", "third ")
_TARGETS = (*(f"{ordinal}{end}" for end in ("largest", "smallest") for ordinal in _ORDINALS), "median")
_SMALLEST_LIST = 10


def _render(key: str, units: int) -> Sample:
    random = stream(key, "numbers")
    target = random.choice(_TARGETS)
    low, high = _bounds(target, random)
    numbers = [random.randint(low, high) for _ in range(units)]
    return ask(
        "math_find",
        str(numbers),
        f"You should answer with only one number, no other words. The {target} number of the list is:",
        _answer(target, numbers),
        target=f"the {target} number",
    )


def _bounds(target: str, random: Random) -> tuple[int, int]:
    """Return the range of the numbers, narrowed at the end that is asked for, so that it is not always the same."""
    narrow_the_top = random.random() <= 0.5 if target == "median" else target.endswith("largest")
    if narrow_the_top:
        return 0, random.randint(int(_HIGHEST * 0.8), _HIGHEST)
    return random.randint(0, int(_HIGHEST * 0.2)), _HIGHEST


def _answer(target: str, numbers: list[int]) -> int | float:
    if target == "median":
        return median(numbers)
    ordinal, end = target.removesuffix("largest").removesuffix("smallest"), target.rpartition(" ")[2]
    return sorted(set(numbers), reverse=end == "largest")[_ORDINALS.index(ordinal)]


MATH_FIND = Task(_render, smallest=_SMALLEST_LIST)
