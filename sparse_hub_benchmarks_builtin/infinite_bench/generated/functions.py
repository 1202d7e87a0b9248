"""A module of functions that call each other, of which one call is to be worked out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task, stream
from sparse_hub_benchmarks_builtin.infinite_bench.generated.asking import ask
from sparse_hub_benchmarks_builtin.infinite_bench.prompts import CALL_QUESTION

_LEVELS = (2, 4, 6, 8, 10)
"""How many functions are called one after the other; officially as many samples of each."""
_LOWEST_ADDED, _HIGHEST_ADDED = -12, 17
_LARGEST_ARGUMENT = 10
_NUMBERS = 10_000
"""Functions are named by numbers below this, as in the official data, as long as they are fewer than half of it."""


@dataclass(frozen=True)
class Function:
    """A function that adds to its argument, or to what another one returns for it."""

    number: int
    added: int
    calls: int | None

    def source(self) -> str:
        """Return its definition."""
        value = "x" if self.calls is None else f"func_{self.calls}(x)"
        if self.added:
            value += f" {'-' if self.added < 0 else '+'} {abs(self.added)}"
        return f"def func_{self.number}(x):\n    return {value}\n"


def _render(key: str, units: int) -> Sample:
    random = stream(key, "call")
    levels = random.choice(_LEVELS)
    argument = random.randint(-_LARGEST_ARGUMENT, _LARGEST_ARGUMENT)
    functions = _functions(stream(key, "functions"), units, levels)
    # The first one is of the first level, whatever the number of functions.
    first = next(iter(functions.values()))
    source = "\n".join(functions[number].source() for number in sorted(functions))
    name = f"func_{first.number}"
    call = f"{name}({argument})"
    return ask(
        "code_run",
        f"\nHere is the content of functions_module.py:\n\n{source}\n",
        CALL_QUESTION.format(call=call),
        _result(functions, first, argument),
        target=name,
        call=call,
    )


def _functions(random: Random, units: int, levels: int) -> dict[int, Function]:
    """Return functions by number, each of which calls one of the next level."""
    numbers = random.sample(range(1, max(_NUMBERS, 2 * units)), units)
    by_level = [numbers[level::levels] for level in range(levels)]
    functions = {}
    for index, number in enumerate(numbers):
        level = index % levels
        calls = random.choice(by_level[level + 1]) if level < levels - 1 else None
        functions[number] = Function(number, random.randint(_LOWEST_ADDED, _HIGHEST_ADDED), calls)
    return functions


def _result(functions: dict[int, Function], first: Function, argument: int) -> int:
    value, called = argument + first.added, first.calls
    while called is not None:
        value += functions[called].added
        called = functions[called].calls
    return value


CODE_RUN = Task(_render, smallest=max(_LEVELS))
