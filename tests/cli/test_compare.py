from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from runs_by_hand import CONDITIONS, HARDWARE, make_run, questions

from sparse_hub_core.cli.main import main

GOOD, BAD = [100.0] * 30, [100.0] * 5 + [0.0] * 25
Compare = Callable[..., tuple[int, str, str]]


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str]) -> Compare:
    """Runs the command, and returns its exit code and what it said."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["compare", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def compared(compare: Compare, *runs: Path) -> dict:
    code, out, err = compare(*runs, "--format", "json")
    assert code == 0, err
    return json.loads(out)


def two_runs(tmp_path: Path, second: dict | None = None, **changes: object) -> tuple[Path, Path]:
    return (
        make_run(tmp_path / "run-a", {"local_sink": questions(BAD)}),
        make_run(tmp_path / "run-b", second or {"magic": questions(GOOD)}, **changes),
    )


def test_two_runs_are_paired_on_the_questions_they_share(compare, tmp_path):
    runs = two_runs(tmp_path, {"magic": questions(GOOD, first=10)})
    (task,) = compared(compare, *runs)["tasks"]
    assert (task["questions_shared"], task["questions_not_shared"]) == (20, 20)
    (pair,) = task["comparisons"]
    assert (pair["first"], pair["second"]) == ("run-a local_sink", "run-b magic")
    # Of the 20 that both answered the first got none.
    assert (pair["questions"], pair["difference"]) == (20, -100.0)
    assert (pair["better"], pair["within_noise"]) == ("run-b magic", False)
    assert (pair["only_first_right"], pair["only_second_right"]) == (0, 20)
    assert task["answer"] == "run-b magic"
    _, said, _ = compare(*runs)
    assert "20 questions that all answered; 20 questions that only some answered." in said
    assert "second is better" in said
    assert "Answer: run-b magic." in said


def test_presets_of_one_run_are_compared_with_each_other(compare, tmp_path):
    nearly = [100.0] * 29 + [0.0]
    run = make_run(
        tmp_path / "run-a",
        {"local_sink": questions(BAD), "magic:density-5": questions(GOOD), "magic:density-20": questions(nearly)},
    )
    (task,) = compared(compare, run)["tasks"]
    assert [one["name"] for one in task["presets"]] == ["local_sink", "magic, density <= 5%", "magic, density <= 20%"]
    verdicts = {(one["first"], one["second"]): one["better"] for one in task["comparisons"]}
    assert list(verdicts.values()) == ["magic, density <= 5%", "magic, density <= 20%", None]
    assert {one["adjusted_over"] for one in task["comparisons"]} == {3}
    assert all(one["p_adjusted"] >= one["p"] for one in task["comparisons"])


def test_the_first_line_says_something(compare, tmp_path):
    run = make_run(tmp_path / "run-a", {"local_sink": questions(BAD), "magic": questions(GOOD)})
    assert compare(run)[1].startswith("demo, ")


def test_the_same_answers_are_within_noise(compare, tmp_path):
    runs = two_runs(tmp_path, {"local_sink": questions(BAD)})
    (pair,) = compared(compare, *runs)["tasks"][0]["comparisons"]
    assert (pair["difference"], pair["p"], pair["better"]) == (0.0, 1.0, None)
    assert "within noise" in compare(*runs)[1]


def test_each_pair_is_compared_on_what_it_shares(compare, tmp_path):
    scores = [questions(GOOD), questions(BAD, first=15), questions(BAD, first=30)]
    run = make_run(tmp_path / "run-a", dict(zip(("one", "two", "three"), scores, strict=True)))
    (task,) = compared(compare, run)["tasks"]
    assert [(one["first"], one["second"], one["questions"]) for one in task["comparisons"]] == [
        ("one", "two", 15),
        ("two", "three", 15),
    ]
    assert task["answer"] is None
    assert "1 pair of 3 share no question and are not compared." in task["notes"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"task": "ruler/vt"},
            "share no model and task: run-a has ruler/niah_multikey_2 with demo; run-b has ruler/vt",
        ),
        ({"model": "other"}, "run-b has ruler/niah_multikey_2 with other"),
        ({"second": {"magic": questions(GOOD, first=100)}}, "share no question of demo, ruler/niah_multikey_2"),
        ({"references": "another answer"}, "share no question of demo, ruler/niah_multikey_2"),
    ],
)
def test_runs_without_a_common_question_are_refused(compare, tmp_path, changes, told):
    code, out, err = compare(*two_runs(tmp_path, **changes))
    assert (code, out) == (2, "")
    assert told in err


def test_runs_that_share_nothing_are_refused_though_each_has_two_presets_and_the_reason_is_told(compare, tmp_path):
    first = make_run(tmp_path / "run-a", {"one": questions(BAD), "two": questions(GOOD)})
    scores = {"one": questions(BAD, first=50), "two": questions(GOOD, first=50)}
    second = make_run(tmp_path / "run-b", scores, conditions={**CONDITIONS, "seed": 7})
    code, out, err = compare(first, second)
    assert (code, out) == (2, "")
    assert "run-a and run-b share no question of demo, ruler/niah_multikey_2" in err
    assert err.endswith("than their presets: the seed (0 in run-a, 7 in run-b).\n")
    assert compare(first)[0] == 0


def test_a_run_with_one_preset_is_nothing_to_compare(compare, tmp_path):
    run = make_run(tmp_path / "run-a", {"local_sink": questions(BAD)})
    code, _, err = compare(run)
    assert code == 2
    assert "has no two presets that were validated on one model and task (validated: local_sink)" in err
    code, _, err = compare(run, run)
    assert code == 2
    assert "named twice" in err


def test_questions_of_one_id_that_are_not_the_same_are_left_out(compare, tmp_path):
    first, second = two_runs(tmp_path)
    path = next(second.rglob("predictions.jsonl"))
    path.write_text(path.read_text().replace("answer of request-007", "other answer"))
    (task,) = compared(compare, first, second)["tasks"]
    assert (task["questions_shared"], task["questions_not_shared"]) == (29, 1)
    assert any(note.startswith("1 question of the same id has other references") for note in task["notes"])


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ({"seed": 1}, "the seed (0 in run-a, 1 in run-b)"),
        ({"data": "hub at 0123"}, "the data (generated in run-a, hub at 0123 in run-b)"),
        ({"model": "fedcba9876543210"}, "the model's content."),
        (
            {"validation": {"max_context_length": 2048, "max_new_tokens": 8, "max_requests": 16, "timeout": 1.0}},
            "differ in more than their presets: --validation-max-context-length (1024 in run-a, 2048 in run-b).",
        ),
        (
            {"versions": {"sparse-hub": "0.1.0", "torch": "2.9.0"}},
            "They ran with other software: torch (2.13.0 in run-a, 2.9.0 in run-b).",
        ),
    ],
)
def test_what_else_differs_is_told(compare, tmp_path, conditions, told):
    runs = two_runs(tmp_path, conditions={**CONDITIONS, **conditions})
    assert told in compare(*runs)[1]


def test_equal_conditions_are_not_told(compare, tmp_path):
    said = compare(*two_runs(tmp_path))[1]
    assert not any(word in said for word in ("differ in more", "other software", "other hardware", "otherwise"))


def test_dense_scores_that_differ_are_told_and_hardware_may_be_why(compare, tmp_path):
    runs = two_runs(
        tmp_path,
        dense={"request-003": 0.0, "request-004": 0.0},
        hardware={**HARDWARE, "device": "cuda", "gpus": ["H200"]},
    )
    said = compare(*runs)[1]
    assert "Dense attention scores 2 of the 30 shared questions otherwise in run-a than in run-b" in said
    assert (
        "They ran on other hardware, which may be why dense scores differ: device (cpu in run-a, cuda in run-b)" in said
    )


def test_runs_of_one_id_are_told_apart_by_their_folders(compare, tmp_path):
    here = make_run(tmp_path / "here" / "run-a", {"magic": questions(BAD)})
    there = make_run(tmp_path / "there" / "run-a", {"magic": questions(GOOD)})
    (task,) = compared(compare, here, there)["tasks"]
    assert [one["name"] for one in task["presets"]] == ["here/run-a magic", "there/run-a magic"]


def test_csv_has_a_number_per_column_and_markdown_a_table_per_part(compare, tmp_path):
    runs = two_runs(tmp_path, {"a|b": questions(GOOD)})
    (row,) = csv.DictReader(io.StringIO(compare(*runs, "--format", "csv")[1]))
    assert (row["second"], row["within_noise"], row["test"]) == ("run-b a|b", "false", "exact McNemar test")
    for name in ("difference", "difference_low", "difference_high", "questions", "requests", "p", "p_adjusted"):
        float(row[name])
    page = compare(*runs, "--format", "md")[1]
    assert page.startswith("## demo, ruler/niah_multikey_2, string_match_all (higher is better)\n")
    assert "| run-b a\\|b | 100 | 30 | 10.00% | 20.00% |" in page


def test_answers_that_are_not_published_leave_nothing_to_compare(compare, tmp_path):
    run = make_run(tmp_path / "run-a", {"local_sink": questions(BAD), "magic": questions(GOOD)})
    for path in run.rglob("predictions.jsonl"):
        path.write_text(re.sub(r'"(dense|sparse)_score":[\d.]+', r'"\1_score":null', path.read_text()))
    code, _, err = compare(run)
    assert code == 2
    assert "The answers of ruler/niah_multikey_2 are not published" in err


def test_files_that_are_missing_are_named(compare, tmp_path):
    runs = two_runs(tmp_path)
    path = next(runs[1].rglob("predictions.jsonl"))
    path.unlink()
    code, _, err = compare(*runs)
    assert code == 2
    assert f"{path} is missing, so run-b magic cannot be compared" in err
