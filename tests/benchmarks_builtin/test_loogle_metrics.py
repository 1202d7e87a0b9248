"""LooGLE's metrics: every golden record, and that reading a cloze never runs, hangs or raises."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_benchmarks_builtin.loogle.bleu import bleu
from sparse_hub_benchmarks_builtin.loogle.cloze import DEEPEST, LONGEST, exact_match, partial_match, read_mapping
from sparse_hub_benchmarks_builtin.loogle.rouge import rouge_l_recall, rouge_n_recall

GOLDEN: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent.parent / "golden" / "loogle.json").read_text(encoding="utf-8")
)


def said(record: dict[str, Any]) -> str:
    return f"{record['prediction']!r:.30}"


def test_all_golden_records_are_here() -> None:
    assert {name: len(records) for name, records in GOLDEN.items()} == {"bleu_rouge": 43, "cloze": 16}


@pytest.mark.parametrize("record", GOLDEN["bleu_rouge"], ids=said)
def test_bleu_and_rouge_are_the_official_ones(record: dict[str, Any]) -> None:
    texts = record["prediction"], record["reference"]
    assert list(bleu(*texts).values()) == pytest.approx(record["bleu1_bleu4"], abs=1e-12)
    official = record["rouge1_rouge2_rougeL_recall"]
    if isinstance(official, dict):
        assert official == {"raises": "ValueError"}
        # An empty text, or full stops alone, is the model's fault.
        official = [0, 0, 0]
    assert [*rouge_n_recall(*texts).values(), rouge_l_recall(*texts)] == pytest.approx(official, abs=1e-12)


@pytest.mark.parametrize("record", GOLDEN["cloze"], ids=said)
def test_clozes_are_scored_as_officially(record: dict[str, Any]) -> None:
    prediction, entities = record["prediction"], record["reference"]
    matches, total = record["exact"]
    assert exact_match(prediction, entities) == matches / total
    partial = record["partial"]
    if isinstance(partial, dict):
        assert partial == {"raises": "AttributeError"}
        # A name that is no text has no words.
        partial = [0, 2]
    assert partial_match(prediction, entities) == partial[0] / partial[1]


@pytest.mark.parametrize(
    ("prediction", "exact", "partial"),
    [
        ("{'<mask-0>': 'Ann Lee', '<mask-1>': 7}", 1 / 2, 1 / 2),
        ("{'<mask-0>': 'Lee', '<mask-1>': ['York']}", 0, 1 / 2),
        ("{'<mask-0>': 'Ann ' 'Lee', '<mask-1>': 'York\\x2e'}", 1 / 2, 1 / 2),
        ("{'<mask-0>': 'Ann\\dLee', '<mask-1>': 'York'}", 1 / 2, 1 / 2),
        ("{'<mask-0>': 'Ann Lee', **{}}", 0, 0),
        ("dict([('<mask-0>', 'Ann Lee')])", 0, 0),
        ("{'<mask-0>': ' '.join(['Ann', 'Lee'])}", 0, 0),
        ("{'<mask-0>': 'Ann Lee'}; exit()", 0, 0),
        ('```json\n{"<mask-0>": "Ann Lee"}\n```', 0, 0),
    ],
)
def test_clozes_by_hand(prediction: str, exact: float, partial: float) -> None:
    entities = {"<mask-0>": "Ann Lee", "<mask-1>": "York"}
    assert exact_match(prediction, entities) == exact
    assert partial_match(prediction, entities) == partial


@pytest.mark.parametrize(
    "hostile",
    [
        "-" * (LONGEST - 1) + "1",
        "not " * 499 + "1",
        "lambda:" * 285 + "1",
        "1+" * 999 + "1",
        "a" + ".a" * 999,
        "a" + "()" * 999,
        "{1:" * DEEPEST + "1" + "}" * DEEPEST,
        "[" * LONGEST,
        "[" * 100_000 + "]" * 100_000,
        "{'a': " + "1 if 1 else " * 160 + "1}",
        "{[]: 1}",
        "{" + "9" * 1990 + ": 1",
        "\x00",
        "{'\udcff': 1}[0]",
        "f'{" * 400,
        "'''",
        "{1: 1} + {",
        "9**9**9",
    ],
    ids=lambda text: f"{text[:12]}x{len(text)}",
)
def test_no_prediction_hangs_or_raises(hostile: str) -> None:
    started = time.thread_time()
    read_mapping(hostile)
    assert time.thread_time() - started < 1


def test_code_is_not_run(tmp_path: Path) -> None:
    left = tmp_path / "left"
    call = f"open({str(left)!r}, 'w')"
    for prediction in (call, f"{{'<mask-0>': {call}}}", f"{{{call}: 1}}", f"f'{{{call}}}'", f"[{call}]"):
        assert read_mapping(prediction) == {}
    assert not left.exists()


@pytest.mark.parametrize(("length", "found"), [(LONGEST, 1), (LONGEST + 1, 0)])
def test_what_no_answer_of_fifty_tokens_reaches_is_not_read(length: int, found: int) -> None:
    assert len(read_mapping("{1: '" + "a" * (length - 7) + "'}")) == found


@pytest.mark.parametrize(("depth", "found"), [(DEEPEST, 1), (DEEPEST + 1, 0)])
def test_what_is_deep_is_not_read(depth: int, found: int) -> None:
    assert len(read_mapping("{1: " + "[" * (depth - 1) + "]" * (depth - 1) + "}")) == found


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), min_size=1, max_size=5))
def test_what_python_writes_is_read(entities: dict[str, str]) -> None:
    assert read_mapping(str(entities)) == entities
    assert exact_match(str(entities), entities) == 1


def test_no_masks_are_no_matches() -> None:
    assert exact_match("{}", {}) == partial_match("{}", {}) == 0
