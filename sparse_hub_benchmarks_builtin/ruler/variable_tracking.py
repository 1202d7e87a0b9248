"""Variable tracking: name every variable that a chain of assignments gives one value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from string import ascii_uppercase

from sparse_hub_benchmarks_builtin.generating.fit import largest_fitting
from sparse_hub_benchmarks_builtin.generating.sample import NOISE, Sample, Task, stream
from sparse_hub_core import CountTokens, Question

TOKENS_TO_GENERATE = 30
EXAMPLE_LENGTH = 500
_VARIABLES = 5
_SMALLEST = _VARIABLES + 1


def variable_tracking(seed: int, count_tokens: CountTokens) -> Task:
    """Return the task with a worked example as long as RULER's in tokens of the model under test.

    Args:
        seed: Decides where the statements stand in the worked example, in all samples alike.
        count_tokens: Counts the tokens of a text.
    """

    def example_length(units: int) -> int:
        # The official length is that of what is asked; the answers come on top.
        asked, _ = _example("vt-example", seed, units, forbidden="")
        return count_tokens(asked)

    fitted = largest_fitting(example_length, EXAMPLE_LENGTH, _SMALLEST, EXAMPLE_LENGTH)
    # A tokenizer with very small tokens fits no example into the official length; it still gets one.
    example_units = fitted or _SMALLEST

    def render(key: str, units: int) -> Sample:
        random = stream(key, "chain")
        names, value = _names(random, letters=5), _value(random)
        asked, answers = _example(key, seed, example_units, forbidden=value)
        context = _context(names, value, stream(key, "places"), units)
        question = Question(
            text=f"\n{_question(value)}",
            references=names,
            answer_prefix=f" {_answer_prefix(value)}",
            max_new_tokens=TOKENS_TO_GENERATE,
        )
        return Sample(f"{asked} {' '.join(answers)}\n\n{context}", question)

    return Task(render, _SMALLEST)


def _example(key: str, seed: int, units: int, forbidden: str) -> tuple[str, tuple[str, ...]]:
    """Return what is asked, up to where the answers follow, and the answers."""
    random = stream(key, "example")
    names, value = _names(random, letters=3), _value(random)
    while value == forbidden:
        value = _value(random)
    context = _context(names, value, stream(f"vt-s{seed}", "example places"), units)
    return f"{context}\n{_question(value)} {_answer_prefix(value)}", names


def _context(names: Sequence[str], value: str, places: Random, units: int) -> str:
    statements = [f"VAR {names[0]} = {value}"]
    # The space before the newline is in the official prompts.
    statements += [f"VAR {name} = VAR {before} " for before, name in pairwise(names)]
    lines = [NOISE] * units
    for shift, place in enumerate(sorted(places.sample(range(units), len(statements)))):
        lines.insert(place + shift, statements[shift])
    intro = "Memorize and track the chain(s) of variable assignment hidden in the following text.\n"
    return "\n".join([intro, *lines])


def _question(value: str) -> str:
    return f"Question: Find all variables that are assigned the value {value} in the text above."


def _answer_prefix(value: str) -> str:
    return (
        "Answer: According to the chain(s) of variable assignment in the text above, "
        f"{_VARIABLES} variables are assigned the value {value}, they are: "
    )


def _names(random: Random, letters: int) -> tuple[str, ...]:
    names: list[str] = []
    while len(names) < _VARIABLES:
        name = "".join(random.choices(ascii_uppercase, k=letters))
        if name not in names:
            names.append(name)
    return tuple(names)


def _value(random: Random) -> str:
    return str(random.randint(10_000, 99_999))
