"""RULER's word counts: how often the words of a list or a text stand in it."""

import re
from collections import Counter
from itertools import islice
from math import pi
from random import Random

import pytest
from ruler_requests import by_words

from sparse_hub_benchmarks_builtin.generating.sample import shuffled
from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_benchmarks_builtin.ruler.words import all_words, distinct_words
from sparse_hub_core.benchmark import Lengths, Request


def take(subset: str, length: int, k: int = 4, whole_length: int | None = None) -> list[Request]:
    return list(islice(Ruler().requests(subset, Lengths(length, by_words, whole_length), 0), k))


def numbered(line: str) -> list[str]:
    found = re.findall(r"(\d+)\. (.*?)(?= \d+\. |$)", line)
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    return [word for _, word in found]


@pytest.mark.parametrize(
    ("length", "whole_length", "common", "other", "example_common", "example_other", "example_words"),
    [
        (3000, None, 6, 1, 3, 1, 20),
        (4095, None, 6, 1, 3, 1, 20),
        (4096, None, 30, 3, 10, 3, 40),
        # A chat template does not turn the official 4096 into a shorter one.
        (4000, 4096, 30, 3, 10, 3, 40),
        (9000, None, 30, 3, 10, 3, 40),
    ],
)
def test_common_words_are_repeated_as_officially(
    length: int,
    whole_length: int | None,
    common: int,
    other: int,
    example_common: int,
    example_other: int,
    example_words: int,
) -> None:
    for request in take("cwe", length, whole_length=whole_length):
        lines, (question,) = request.context.split("\n"), request.questions
        example, own = Counter(numbered(lines[1])), Counter(numbered(lines[4]))
        assert Counter(example.values()) == {example_common: 10, example_other: example_words - 10}
        answered = numbered(lines[2].partition("in the list are: ")[2])
        assert set(answered) == {word for word, times in example.items() if times == example_common}
        assert set(own.values()) == {common, other}
        assert set(question.references) == {word for word, times in own.items() if times == common}
        assert len(question.references) == 10
        assert own.keys() != example.keys()


def test_words_of_the_question_are_not_in_the_list() -> None:
    for request in take("cwe", 9000, k=20):
        assert not {"answer", "appear", "common", "list", "most", "question", "top"} & set(
            numbered(request.context.split("\n")[4])
        )


def test_words_do_not_end_and_do_not_repeat() -> None:
    singles = all_words()
    assert len(singles) > 8000
    drawn = list(islice(distinct_words(Random(1)), len(singles) + 500))
    assert len(set(drawn)) == len(drawn)
    assert set(drawn[: len(singles)]) == set(singles)


def test_shuffled_is_a_permutation_whose_head_costs_little() -> None:
    items = range(1000)
    assert sorted(shuffled(items, Random(3))) == list(items)
    assert len({tuple(shuffled("abc", Random(seed))) for seed in range(100)}) == 6
    assert list(islice(shuffled(range(10**9), Random(3)), 2))


@pytest.mark.parametrize("length", [200, 400, 512, 3000, 20_000])
def test_frequent_words_follow_the_official_law(length: int) -> None:
    for request in take("fwe", length):
        body, (question,) = request.context.partition("coded words. ")[2], request.questions
        ranked = Counter(body.split()).most_common()
        words = max(times for _, times in ranked)
        assert ranked[0][0] == "..."
        assert tuple(word for word, _ in ranked[1:4]) == question.references
        assert ranked[3][1] > ranked[4][1]
        assert all(re.fullmatch("[a-z]{6}", word) for word, _ in ranked[1:])
        assert len(ranked) <= max((length - 50) // 50, 6)
        # The noise, rounded down, says how many words there would be.
        counts = [[int(n / (rank**2 * pi**2 / 6)) for rank in range(1, len(ranked) + 1)] for n in _numbers(words)]
        assert [times for _, times in ranked] in counts


def _numbers(noise: int) -> range:
    return range(int(noise * pi**2 / 6), int((noise + 1) * pi**2 / 6) + 1)


def test_the_vocabulary_is_the_official_one_at_512() -> None:
    (request,) = take("fwe", 512, k=1)
    assert len(set(request.context.partition("coded words. ")[2].split())) == 9
