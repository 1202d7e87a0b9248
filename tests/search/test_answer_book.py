"""A book of answers is a convenience: it is read where it can be, and a search goes on where it cannot be written."""

from __future__ import annotations

import pytest

from sparse_hub_core.fidelity import Measures
from sparse_hub_core.search.answer_book import AnswerBook
from sparse_hub_core.search.ladder import Rung

MEASURES = Measures(0.1, 0.2, 0.3)


def test_what_is_added_is_found_by_fidelity_seeds_and_request(tmp_path):
    AnswerBook(tmp_path / "book.jsonl").add("key", Rung("F1", 1), {"a": MEASURES, "b": MEASURES})
    book = AnswerBook(tmp_path / "book.jsonl")
    assert book.find("key", Rung("F1", 1), ["a", "b", "c"]) == [MEASURES, MEASURES]
    assert book.find("key", Rung("F1", 1), ["c", "a"]) == []
    assert not book.find("key", Rung("F1", 2), ["a"]) + book.find("key", Rung("F2", 1), ["a"])


def test_a_book_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path):
    (tmp_path / "answers").write_text("a file where the folder should be")
    book = AnswerBook(tmp_path / "answers" / "book.jsonl")
    with pytest.warns(UserWarning, match=r"Later searches will measure again.*book\.jsonl") as told:
        book.add("key", Rung("F1", 1), {"a": MEASURES})
    assert len(told) == 1
    book.add("key", Rung("F1", 1), {"b": MEASURES})
    assert book.find("key", Rung("F1", 1), ["a", "b"]) == [MEASURES, MEASURES]
