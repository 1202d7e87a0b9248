"""RULER: the official prompts and metric, at any length."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ruler_requests import RULER, by_pieces, by_words, prompt, take, used

from sparse_hub_benchmarks_builtin.generating.sample import NOISE
from sparse_hub_benchmarks_builtin.ruler.metric import string_match_all, string_match_part
from sparse_hub_benchmarks_builtin.ruler.subsets import SUBSETS
from sparse_hub_benchmarks_builtin.ruler.words import word_lists
from sparse_hub_core.benchmark import Lengths, Question, Request
from sparse_hub_core.errors import UsageError

GOLDEN = Path(__file__).parents[1] / "golden"
SAMPLES = json.loads((GOLDEN / "ruler_samples.json").read_text())["tasks"]
METRIC = json.loads((GOLDEN / "ruler_metric.json").read_text())["records"]
ALL = tuple(subset.name for subset in SUBSETS)
GENERATED = tuple(subset.name for subset in SUBSETS if subset.generated)
IN_LINES = ("niah_single_1", "niah_multikey_2", "niah_multikey_3", "vt")
NIAH = IN_LINES[:3]


def keys_of(request: Request) -> list[str]:
    return re.findall(r"^One of the special magic \w+ for (.+) is: .+\.$", request.context, re.MULTILINE)


def shape(text: str) -> list[str]:
    """The lines with keys, values and words blanked; sorted, because needles stand in random places."""
    text = re.sub(r"(?m)(^| )1\. .*?(?=$|\n)", r"\1LIST", text)
    text = re.sub(r"(?m)(?<=coded words\. ).*$", "TEXT", text)
    text = re.sub(r"(for )[a-zA-Z0-9 -]+( is:| mentioned)", r"\1KEY\2", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"\d", "0", text)
    text = re.sub(r"\b(?!VAR\b)[A-Z]{3}\b", "NAM", text)
    return sorted(re.sub(r"\b[A-Z]{5}\b", "NAMES", text).split("\n"))


def test_the_subsets_are_the_thirteen_official_tasks() -> None:
    assert len(set(ALL)) == 13
    assert set(ALL) - set(GENERATED) == {"qa_1", "qa_2"}
    for subset in SUBSETS:
        assert subset.metric == ("string_match_all" if subset.generated else "string_match_part")
        assert subset.licence.startswith("Apache-2.0")
        assert subset.summary


@pytest.mark.parametrize("subset", SAMPLES)
@pytest.mark.parametrize("sample", [0, 1])
def test_prompts_are_the_official_ones(subset: str, sample: int) -> None:
    golden = SAMPLES[subset]
    official = golden["samples"][sample]
    for request in take(subset, golden["max_seq_length"]):
        assert shape(prompt(request)) == shape(official["input"] + official["answer_prefix"])
        assert used(request, by_words) <= golden["max_seq_length"]
        assert shape(request.context.split("\n")[0]) == shape(official["input"].split("\n")[0])
        assert request.questions[0].max_new_tokens == golden["tokens_to_generate"]
        assert len(request.questions[0].references) == len(official["outputs"])


@pytest.mark.parametrize("subset", IN_LINES)
def test_the_context_ends_where_the_haystack_does(subset: str) -> None:
    for request in take(subset):
        assert request.context.endswith((NOISE, "."))
        assert re.match(r"\n(What is|Question: )", request.questions[0].text)
        assert request.questions[0].answer_prefix.startswith(" ")


@pytest.mark.parametrize("record", METRIC)
def test_the_metrics_are_the_official_ones(record: dict) -> None:  # type: ignore[type-arg]
    for metric in (string_match_all, string_match_part):
        # The official figures are rounded to two digits.
        expected = record[metric.__name__]
        assert metric(record["prediction"], record["references"]) == pytest.approx(expected, abs=0.005)


def test_the_mean_over_all_records_is_the_official_one() -> None:
    assert len(METRIC) == 34
    for metric, expected in ((string_match_all, 60.54), (string_match_part, 73.53)):
        scores = [metric(record["prediction"], record["references"]) for record in METRIC]
        assert sum(scores) / len(scores) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("metric", [string_match_all, string_match_part])
def test_no_reference_scores_nothing_and_an_empty_one_always_matches(
    metric: Callable[[str, tuple[str, ...]], float],
) -> None:
    assert metric("anything", ()) == 0
    assert metric("", ("",)) == 100


@pytest.mark.parametrize("subset", ALL)
def test_gold_answers_score_full_and_none_scores_nothing(subset: str) -> None:
    for request in take(subset):
        (question,) = request.questions
        assert RULER.score(RULER.perfect_prediction(question).lower(), question) == 100
        assert RULER.score("", question) == 0


@pytest.mark.parametrize("subset", ALL)
def test_requests_do_not_depend_on_how_many_are_taken(subset: str) -> None:
    assert take(subset, k=2) == take(subset, k=6)[:2]


@pytest.mark.parametrize("subset", GENERATED)
def test_requests_differ_between_indices_seeds_and_lengths(subset: str) -> None:
    every = [r for length in (2048, 2049) for seed in (0, 1) for r in take(subset, length, seed, k=25)]
    assert len({request.id for request in every}) == len({request.context for request in every}) == 100
    assert every[7].id == f"{subset}-2048-s0-000007"


# Only the subsets without words, whose lists may change with a release of wonderwords.
@pytest.mark.parametrize(
    ("subset", "digest"),
    [
        ("niah_multikey_3", "f60b5892f5e0"),
        ("vt", "7d56a411bc00"),
        ("fwe", "c66dc939610c"),
        ("qa_1", "02a606a5ee83"),
        ("qa_2", "45f9d039d39b"),
    ],
)
def test_requests_are_the_same_on_every_machine(subset: str, digest: str) -> None:
    context = take(subset)[3].context
    assert hashlib.sha256(context.encode()).hexdigest().startswith(digest)


@pytest.mark.parametrize("subset", NIAH)
def test_the_needle_is_asked_for_once_and_its_line_holds_the_answer(subset: str) -> None:
    for request in take(subset, k=20):
        (question,) = request.questions
        keys, (answer,) = keys_of(request), question.references
        asked = [key for key in keys if f" for {key} mentioned" in question.text]
        assert len(keys) == len(set(keys))
        assert len(asked) == 1
        assert f" for {asked[0]} is: {answer}.\n" in request.context


@pytest.mark.parametrize("subset", NIAH)
def test_needles_stand_everywhere(subset: str) -> None:
    def place(request: Request) -> float:
        return request.context.index(request.questions[0].references[0]) / len(request.context)

    places = sorted(place(request) for request in take(subset, 1024, k=200))
    assert max(abs(place - rank / 200) for rank, place in enumerate(places)) < 0.15


def test_variable_tracking_statements_stand_in_order_after_the_worked_example() -> None:
    for request in take("vt", k=20):
        example, _, own = request.context.partition("\n\nMemorize")
        names, (question,) = re.findall(r"^VAR ([A-Z]{5}) = ", own, re.MULTILINE), request.questions
        assert tuple(names) == question.references
        (value,) = re.findall(r"= (\d{5})$", own, re.MULTILINE)
        assert value in question.text
        assert value not in example


@pytest.mark.parametrize("count", [by_words, by_pieces])
def test_the_worked_example_has_the_official_length_without_its_answers(count: Callable[[str], int]) -> None:
    for request in take("vt", count=count):
        asked, separator, _ = request.context.partition("they are: ")
        assert 500 - count(NOISE) < count(asked + separator) <= 500


def test_the_worked_example_stands_alike_in_all_samples_of_a_seed() -> None:
    def example(request: Request) -> str:
        text = request.context.partition("\n\nMemorize")[0]
        return re.sub(r"\b(?!VAR\b)[A-Z]{3}\b|\d{5}", "_", text)

    assert len({example(request) for request in take("vt", k=10)}) == 1
    assert len({request.context.partition("\n\nMemorize")[0] for request in take("vt", k=10)}) == 10
    assert len({example(request) for seed in range(10) for request in take("vt", seed=seed, k=1)}) > 5


def test_words_come_from_the_full_lists() -> None:
    adjectives, nouns = word_lists()
    assert len(adjectives) > 900
    assert len(nouns) > 6500
    assert not [word for word in adjectives + nouns if word != word.strip()]


def test_an_unknown_subset_is_reported_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no subset 'niah_single'; did you mean 'niah_single_[123]'"):
        RULER.requests("niah_single", Lengths(4096, by_words), 0)


def test_questions_are_scored_alone() -> None:
    assert RULER.score("1234567", Question("?", ("123", "999"))) == 50
