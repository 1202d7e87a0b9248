"""RULER's needles in prose: which prose, where its sentences begin, and where the needles stand."""

import json
import re
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruler_requests import by_words

from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_benchmarks_builtin.ruler.haystack import Haystack
from sparse_hub_benchmarks_builtin.ruler.prose import OFFICIAL_FILE, find_haystack
from sparse_hub_benchmarks_builtin.ruler.prose_niah import DEPTHS, PROSE_TASKS
from sparse_hub_core.benchmark import Lengths, Request
from sparse_hub_core.data.source import DataSource
from sparse_hub_core.errors import UsageError

NEEDLE = re.compile(r"One of the special magic (\w+)s for (\S+) is: (\S+)\.")
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
NUMBER = r"[1-9]\d{6}"


def take(subset: str, length: int = 2000, k: int = 8, ruler: Ruler | None = None) -> list[Request]:
    return list(islice((ruler or Ruler()).requests(subset, Lengths(length, by_words), 0), k))


@pytest.mark.parametrize(
    ("subset", "value", "keys", "values", "asked"),
    [
        ("niah_single_2", NUMBER, 1, 1, 1),
        ("niah_single_3", UUID4, 1, 1, 1),
        ("niah_multikey_1", NUMBER, 4, 1, 1),
        ("niah_multivalue", NUMBER, 1, 4, 1),
        ("niah_multiquery", NUMBER, 4, 1, 4),
    ],
)
def test_each_task_hides_and_asks_for_what_the_official_one_does(
    subset: str, value: str, keys: int, values: int, asked: int
) -> None:
    for request in take(subset):
        (question,) = request.questions
        found = NEEDLE.findall(request.context)
        assert len({key for _, key, _ in found}) == keys
        assert len(found) == keys * values
        assert all(re.fullmatch(value, one) for _, _, one in found)
        wanted = [key for _, key, one in found if one in question.references]
        assert len(set(wanted)) == asked
        assert sorted(question.references) == sorted(one for _, key, one in found if key in wanted)
        name = found[0][0]
        if asked * values == 1:
            several, some, are, are_all = name, "A", "is", "is"
        else:
            several, some, are, are_all = f"{name}s", "Some", "are", "are all"
        order = sorted(dict.fromkeys(wanted), key=question.text.index)
        told = ", ".join(order[:-1]) + ", and " + order[-1] if asked > 1 else order[0]
        assert request.context.startswith(
            f"{some} special magic {several} {are} hidden within the following text. Make sure to memorize it. "
            f"I will quiz you about the {several} afterwards.\n"
        )
        assert (
            question.text == f"\nWhat {are_all} the special magic {several} for {told} mentioned in the provided text?"
        )
        assert question.answer_prefix == (
            f" The special magic {several} for {told} mentioned in the provided text {are}"
        )
        assert question.max_new_tokens == 128


def test_references_come_in_the_order_of_the_keys_asked_for() -> None:
    for request in take("niah_multiquery"):
        (question,) = request.questions
        values = {key: value for _, key, value in NEEDLE.findall(request.context)}
        assert [values[key] for key in re.findall(r"[^\s,]+-[^\s,]+", question.text)] == list(question.references)


@pytest.mark.parametrize("subset", PROSE_TASKS)
def test_the_rest_is_prose_from_its_beginning_with_needles_between_sentences(subset: str) -> None:
    words = find_haystack(DataSource()).words
    for request in take(subset):
        body = request.context.partition("\n")[2]
        pieces = re.split(NEEDLE.pattern.replace("(", "(?:"), body)
        assert tuple(" ".join(pieces).split()) == words[: by_words(" ".join(pieces))]
        # A needle at depth 100 stands behind the last sentence, which is cut.
        *whole, _ = [piece.rstrip() for piece in pieces if piece.strip()]
        assert all(re.search(r"[.!?][\"')]*$", piece) for piece in whole)


def test_needles_stand_at_the_forty_official_depths() -> None:
    assert len(set(DEPTHS)) == 40
    assert DEPTHS[:4] == (0, 3, 5, 8)
    assert DEPTHS[-2:] == (97, 100)
    haystack = find_haystack(DataSource())
    seen = set()
    for request in take("niah_single_2", 4000, k=300):
        before, _, after = NEEDLE.sub("\0", request.context.partition("\n")[2]).partition("\0")
        sentences = haystack.sentences(by_words(before + after))
        at = haystack.sentences(by_words(before))
        (depth,) = {depth for depth in DEPTHS if int(sentences * (depth / 100)) == at}
        seen.add(depth)
    assert seen == set(DEPTHS)


def test_spaces_around_needles_are_the_official_ones() -> None:
    contexts = [request.context for request in take("niah_single_2", k=200)]
    assert any("afterwards.\n One of the special" in context for context in contexts)
    assert any(context.endswith(". ") for context in contexts)
    assert not any("afterwards.\nOne" in context for context in contexts)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ('Mr. Dashwood met Mrs. J. Palmer. "Well?" he said. It was he, not I. So.', None),
        ("It cost 3.5 pounds. 4 were there, e.g. five.", ["It cost 3.5 pounds.", "4 were there, e.g. five."]),
        ("no end at all", ["no end at all"]),
    ],
)
def test_sentences_begin_where_a_reader_says(text: str, sentences: list[str] | None) -> None:
    haystack = Haystack.of(text)
    bounds = [*haystack.starts, len(haystack.words)]
    found = [haystack.text(first, last) for first, last in pairwise(bounds)]
    wanted = ["Mr. Dashwood met Mrs. J. Palmer.", '"Well?" he said.', "It was he, not I.", "So."]
    assert found == (sentences or wanted)


@given(first=st.integers(0, 40), more=st.integers(0, 40))
def test_a_haystack_is_repeated_where_it_runs_out(first: int, more: int) -> None:
    haystack = Haystack.of("One two. Three. Four five six. Seven")
    long = Haystack.of(" ".join(haystack.words * 12))
    assert haystack.text(first, first + more) == " ".join(long.words[first : first + more])
    assert haystack.sentences(first) == sum(haystack.starts[0] <= start < first for start in _starts(haystack, 12))
    assert [haystack.start(sentence) for sentence in range(8)] == list(_starts(haystack, 12))[:8]


def _starts(haystack: Haystack, rounds: int) -> list[int]:
    return [turn * len(haystack.words) + start for turn in range(rounds) for start in haystack.starts]


def test_the_prose_that_ships_is_what_it_claims_and_enough_for_128k_tokens() -> None:
    haystack = find_haystack(DataSource())
    text = " ".join(haystack.words)
    assert len(haystack.words) > 200_000
    assert text.startswith("The family of Dashwood had long been settled in Sussex.")
    assert "It is a truth universally acknowledged, that a single man in possession" in text
    assert text.endswith("had been the means of uniting them.")
    assert not re.search(r"(?i)gutenberg|copyright|chapter \d|[_*\[]", text)


def official(folder: Path, content: str) -> Ruler:
    (folder / OFFICIAL_FILE).write_text(content, encoding="utf-8")
    return Ruler(DataSource("folder", folder))


def test_the_official_essays_are_used_where_a_folder_has_them(tmp_path: Path) -> None:
    shipped = take("niah_single_2")
    assert take("niah_single_2", ruler=Ruler(DataSource("folder", tmp_path))) == shipped
    assert Ruler(DataSource("folder", tmp_path)).data_identity("niah_single_2") == "generated"
    ruler = official(tmp_path, json.dumps({"text": "What I worked on. Before college. " * 50}))
    requests = take("niah_single_2", ruler=ruler)
    assert all("What I worked on." in request.context for request in requests)
    assert [request.id for request in requests] == [request.id for request in shipped]
    first = ruler.data_identity("niah_single_2")
    assert first.startswith(f"folder {OFFICIAL_FILE} ")
    assert official(tmp_path, json.dumps({"text": "Another."})).data_identity("niah_single_2") != first
    assert ruler.data_identity("vt") == "generated"


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"text": 3}', '{"text": " "}', "[" * 100_000])
def test_damaged_essays_are_reported(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match=rf"{OFFICIAL_FILE} .* download it anew"):
        take("niah_single_2", ruler=official(tmp_path, content))
