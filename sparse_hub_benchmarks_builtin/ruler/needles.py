"""What RULER hides in a haystack, and how it asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

from sparse_hub_benchmarks_builtin.ruler.words import word_pair
from sparse_hub_core import Question

TOKENS_TO_GENERATE = 128


def _number(random: Random) -> str:
    return str(random.randint(10**6, 10**7 - 1))


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


@dataclass(frozen=True)
class NeedleKind:
    """What the keys and the values of a task are."""

    value_name: str
    draw_key: Callable[[Random], str]
    draw_value: Callable[[Random], str]

    def draw(self, random: Random, values: int = 1) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield keys without repeats, each with its values."""
        taken: set[str] = set()
        while True:
            key = self.draw_key(random)
            if key not in taken:
                taken.add(key)
                yield key, tuple(self.draw_value(random) for _ in range(values))

    def line(self, key: str, value: str) -> str:
        """Return the sentence that is hidden."""
        return f"One of the special magic {self.value_name}s for {key} is: {value}."

    def frame(self, asked: Sequence[str], answers: tuple[str, ...]) -> tuple[str, Question]:
        """Return what stands before the haystack, and the question after it."""
        if len(answers) == 1:
            name, some, are, are_all = self.value_name, "A", "is", "is"
        else:
            name, some, are, are_all = f"{self.value_name}s", "Some", "are", "are all"
        keys = ", ".join(asked[:-1]) + ", and " + asked[-1] if len(asked) > 1 else asked[0]
        intro = (
            f"{some} special magic {name} {are} hidden within the following text. Make sure to memorize it. "
            f"I will quiz you about the {name} afterwards."
        )
        question = Question(
            text=f"\nWhat {are_all} the special magic {name} for {keys} mentioned in the provided text?",
            references=answers,
            answer_prefix=f" The special magic {name} for {keys} mentioned in the provided text {are}",
            max_new_tokens=TOKENS_TO_GENERATE,
        )
        return intro, question


NUMBERS = NeedleKind("number", word_pair, _number)
UUIDS = NeedleKind("uuid", word_pair, _uuid)
UUIDS_BY_UUID = NeedleKind("uuid", _uuid, _uuid)
