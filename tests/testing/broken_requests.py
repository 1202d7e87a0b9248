"""Benchmarks whose sample or requests are not what they should be."""

from __future__ import annotations

import dataclasses
import itertools
import random
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from breaking_benchmarks import breaks, declares
from good_benchmarks import Numbers, Towns

from sparse_hub_core import Lengths, Question, Request, Rows, UsageError


@breaks("sample_loads_offline", "it calls the network (192.0.2.1)")
class CallsTheHub(Towns):
    def rows(self, subset: str) -> Rows:
        socket.create_connection(("192.0.2.1", 443), timeout=1)
        return super().rows(subset)


@breaks("sample_loads_offline", "the offline sample has no rows")
class HasNoRows(Towns):
    def rows(self, subset: str) -> Rows:
        return []


@breaks("sample_loads_offline", "another process cannot make its requests: KeyError: 'nothing was set up'")
class NeedsWhatWasSetUp(Towns):
    def rows(self, subset: str) -> Rows:
        if "pytest" not in sys.modules:
            raise KeyError("nothing was set up")
        return super().rows(subset)


@breaks("sample_has_the_columns", "row 3 of the offline sample lacks the columns ['river']")
class LacksAColumn(Towns):
    def rows(self, subset: str) -> Rows:
        rows: Any = super().rows(subset)
        return [*rows[:3], {"text": rows[3]["text"]}, *rows[4:]]

    def read(self, row: Mapping[str, Any]) -> tuple[str, Question]:
        return super().read({"river": "river 3 of Elm", **row})


@breaks("both_parts_are_there", "none of 1 requests belongs to the")
class HasOneContext(Towns):
    def text(self, index: int) -> str:
        return "It lies on river 3 of Elm."


@breaks("both_parts_are_there", "are in the validation part too")
class TellsTextsApartBySpaces(Towns):
    def text(self, index: int) -> str:
        return super().text(index % 4) + " " * index


@breaks("ids_are_unique", "have the id 'numbers-0-0'")
class CountsToThree(Numbers):
    def identity(self, seed: int, index: int) -> str:
        return super().identity(seed, index % 3)


@breaks("ids_are_unique", "an empty id")
class GivesNoIds(Numbers):
    def identity(self, seed: int, index: int) -> str:
        return ""


@breaks("requests_come_in_a_fixed_order", "request 0 is another one")
class CountsOn(Numbers):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.made = itertools.count()

    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        return super().request(lengths, seed, next(self.made))


@breaks("requests_come_in_a_fixed_order", "taken by a new instance")
class DrawsOncePerInstance(Numbers):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.start = random.SystemRandom().randrange(10**9)

    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        return super().request(lengths, seed, self.start + index)


@breaks("requests_come_in_a_fixed_order", "taken in turns with another seed")
class SharesItsDraws(Numbers):
    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        self.draws = random.Random(seed)
        for request in super().requests(subset, lengths, seed):
            yield dataclasses.replace(request, context=f"{self.draws.random():.3f} {request.context}")

    def limit(self, lengths: Lengths) -> int:
        return super().limit(lengths) - 4


@breaks("generated_requests_do_not_end", "only 12 requests")
class EndsAfterTwelve(Numbers):
    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        return itertools.islice(super().requests(subset, lengths, seed), 12)


@breaks("another_seed_gives_others", "5 of 5 requests are the same with the seeds 0 and 1")
class IgnoresTheSeed(Numbers):
    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        return dataclasses.replace(super().request(lengths, 0, index), id=self.identity(seed, index))


class Changed(Numbers):
    changes: Mapping[str, Any]

    def question(self, answer: str) -> Question:
        return dataclasses.replace(super().question(answer), **self.changes)


@breaks("questions_are_complete", "lets 0 tokens be generated")
class GeneratesNothing(Changed):
    changes = {"max_new_tokens": 0}  # noqa: RUF012


@breaks("questions_are_complete", "are no tuple of str: [1, 2]")
class AnswersInNumbers(Changed):
    changes = {"references": [1, 2]}  # noqa: RUF012


@breaks("questions_are_complete", "are no names by names: {'kind': 3}")
class GroupsByNumbers(Changed):
    changes = {"strata": {"kind": 3}}  # noqa: RUF012


@breaks("details_are_json", "are no JSON")
class KeepsASet(Changed):
    changes = {"details": {"kinds": {"number"}}}  # noqa: RUF012


@breaks("details_are_json", "come back from JSON as {'kinds': ['number']}, not {'kinds': ('number',)}")
class KeepsATuple(Changed):
    changes = {"details": {"kinds": ("number",)}}  # noqa: RUF012


@breaks("questions_hold_no_answers", "the text of 'numbers-0-0' holds its answer")
class AsksWhetherItIs(Numbers):
    def question(self, answer: str) -> Question:
        return dataclasses.replace(super().question(answer), text=f"\nIs it {answer}?")


@breaks("questions_hold_no_answers", "the answer prefix of")
class BeginsTheAnswer(Towns):
    def read(self, row: Mapping[str, Any]) -> tuple[str, Question]:
        context, question = super().read(row)
        return context, dataclasses.replace(question, answer_prefix=f"It lies on {row['river'].upper()}")


@breaks("fills_the_length", "takes only")
class FillsAHalf(Numbers):
    def limit(self, lengths: Lengths) -> int:
        return lengths.max_context_length // 2


@breaks("fills_the_length", "counted in words")
class ForgetsWhatIsGenerated(Numbers):
    def length(self, lines: Any, question: Question, lengths: Lengths) -> int:
        return super().length(lines, question, lengths) - question.max_new_tokens


@breaks("fills_the_length", "counted in pieces")
class CountsItsOwnWords(Numbers):
    def length(self, lines: Any, question: Question, lengths: Lengths) -> int:
        words = Lengths(lengths.max_context_length, lambda text: len(text.split()))
        return super().length(lines, question, words)


declares("fills_the_length", "where contexts are fixed, declare their typical_length", Towns, typical_length=None)


@breaks("too_short_a_length_raises", "raises ZeroDivisionError")
class Divides(Numbers):
    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        _ = 1 / max(lengths.max_context_length - 7, 0)
        return super().request(lengths, seed, index)


@breaks("too_short_a_length_raises", "raises nothing")
class TakesAnyLength(Numbers):
    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        longest = max(lengths.max_context_length, 64)
        return super().request(dataclasses.replace(lengths, max_context_length=longest), seed, index)


@breaks("too_short_a_length_raises", "the error says only 'too short'")
class SaysLittle(Numbers):
    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        try:
            return super().request(lengths, seed, index)
        except UsageError as error:
            raise UsageError("too short") from error


@breaks("requests_are_the_same_in_another_process", "in another process")
class HashesItsIds(Numbers):
    def identity(self, seed: int, index: int) -> str:
        return f"{hash(f'{seed}/{index}')}"


@breaks("requests_are_the_same_in_another_process", "has other content in another process")
class OrdersByHash(Changed):
    @property
    def changes(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {"details": {"kinds": list({"number", "box", "line", "length", "seed"})}}
