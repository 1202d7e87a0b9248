"""A benchmark of each kind that passes every check, which others break in one small way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from sparse_hub_core import (
    Benchmark,
    HubDataset,
    Lengths,
    Question,
    Request,
    Rows,
    Subset,
    UsageError,
    group_by_context,
)

NUMBERS = Subset("numbers", "contains", licence="MIT", generated=True, other_metrics=("exact",))
TOWNS = Subset(
    "towns", "contains", licence="MIT", typical_length=14, other_metrics=("exact",), extra_metrics=("learned",)
)
HIDDEN = Subset("hidden", "contains", licence="MIT", typical_length=14)
DISTANCE = Subset("distance", "distance", (0.0, 1.0), False, "MIT", generated=True)
COMMIT = "0123456789" * 4


class Numbers(Benchmark):
    """A number among others."""

    subset = "numbers"

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        if subset != self.subset:
            raise UsageError(f"there is no subset {subset!r} here; take {self.subset!r}.")
        for index in itertools.count():
            yield self.request(lengths, seed, index)

    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        random = Random(f"{lengths.max_context_length}/{seed}/{index}")
        lines = [f"The number of box {box} is {random.randint(10**6, 10**7)}." for box in range(4)]
        question = self.question(lines[0].split()[-1].rstrip("."))
        while self.length(lines, question, lengths) <= self.limit(lengths):
            lines.append(f"The number of box {len(lines)} is {random.randint(10**6, 10**7)}.")
        if len(lines) < 6:
            raise UsageError(f"a length of {lengths.max_context_length} tokens is too short for boxes; raise it.")
        return Request(self.identity(seed, index), "\n".join(lines[:-1]), (question,))

    def length(self, lines: Sequence[str], question: Question, lengths: Lengths) -> int:
        return lengths.count_tokens("\n".join(lines) + question.text + question.answer_prefix) + question.max_new_tokens

    def limit(self, lengths: Lengths) -> int:
        return lengths.max_context_length

    def identity(self, seed: int, index: int) -> str:
        return f"{self.subset}-{seed}-{index}"

    def question(self, answer: str) -> Question:
        return Question("\nWhich is the number of box 0?", (answer,), " It is", 8, {"kinds": ["number"]})

    def score(self, prediction: str, question: Question) -> float | None:
        return 100.0 * (question.references[0] in prediction)

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        return {"exact": 100.0 * (question.references[0] == prediction.strip())}


class Distance(Numbers):
    """The same, where less is better."""

    subset = "distance"

    def score(self, prediction: str, question: Question) -> float | None:
        return float(question.references[0] not in prediction)

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        return {}


class Towns(Benchmark):
    """What a town lies on."""

    subsets = ("towns", "hidden")
    hidden = False

    def dataset(self, subset: str) -> HubDataset | None:
        return HubDataset("someone/towns", subset, ("text", "river"), revision=COMMIT)

    def rows(self, subset: str) -> Rows:
        return [{"text": self.text(index), "river": f"river {index % 7} of Elm"} for index in range(20)]

    def text(self, index: int) -> str:
        return f"Town {index // 2} was built long ago. It lies on river {index % 7} of Elm."

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        if subset not in self.subsets:
            raise UsageError(f"there is no subset {subset!r} here; take 'towns'.")
        return group_by_context(subset, self.rows(subset), self.read)

    def read(self, row: Mapping[str, Any]) -> tuple[str, Question]:
        references = () if self.hidden else (row["river"],)
        return row["text"], Question("What does it lie on?", references, strata={"kind": "river"})

    def score(self, prediction: str, question: Question) -> float | None:
        return 100.0 * (question.references[0] in prediction)

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        return {"exact": 100.0 * (question.references[0] == prediction)}

    def check_metrics(self) -> None:
        if self.extra_metrics:
            raise UsageError("The metric 'learned' needs a package that is not here; pip install it.")


class Hidden(Towns):
    """The same, whose answers are not published."""

    hidden = True

    def score(self, prediction: str, question: Question) -> float | None:
        return None

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        return {}


GOOD: dict[str, tuple[type[Benchmark], tuple[Subset, ...]]] = {
    "generated": (Numbers, (NUMBERS,)),
    "less is better": (Distance, (DISTANCE,)),
    "rows": (Towns, (TOWNS,)),
    "hidden answers": (Hidden, (HIDDEN,)),
}
