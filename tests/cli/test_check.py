"""``sparse-hub check``: a line per check, and an exit code for CI."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_core.cli.main import main
from sparse_hub_core.testing import BENCHMARK_CHECKS, CHECKS, SEARCH_ALGORITHM_CHECKS
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_maskers_builtin.local import LocalMaskerConfig


def test_a_masker_is_checked_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "local"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["check", "result", "reason"]
    assert [line.split()[0] for line in lines[1:]] == [check.name for check in CHECKS]
    assert "does not apply  it does not declare that it samples" in "\n".join(lines)


def test_json_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "causal", "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert records["chunks_equal_single_steps"] == {
        "name": "chunks_equal_single_steps",
        "result": "ok",
        "reason": None,
        "description": next(c.description for c in CHECKS if c.name == "chunks_equal_single_steps"),
    }
    assert records["keys_stand_once"]["result"] == "ok"
    assert records["full_budget_is_dense"]["reason"] == "it declares no budget_field"


def test_a_failure_ends_with_one_and_says_what_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(LocalMaskerConfig, "max_keys", lambda self, num_keys: 3)
    assert Subject.of("local").small.max_keys(100) == 3
    assert main(["check", "local"]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("keeps_its_bound")]
    assert line.split()[1] == "failed"
    assert "max_keys says 3" in line


@pytest.mark.parametrize("name", ["ruler/vt", "longbench/hotpotqa", "longbench/hotpotqa@sample"])
def test_a_benchmark_is_checked_line_by_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", name])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["check", "result", "reason"]
    assert [line.split()[0] for line in lines[1:]] == [check.name for check in BENCHMARK_CHECKS]


def test_json_tells_the_same_of_a_benchmark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Ruler, "score", lambda self, prediction, question: 50.0)
    assert main(["check", "ruler/niah_single_1", "--json"]) == 1
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert records.keys() == {check.name for check in BENCHMARK_CHECKS}
    (failed,) = [check for check in BENCHMARK_CHECKS if check.name == "empty_predictions_score_the_worst"]
    assert records[failed.name]["result"] == "failed"
    assert records[failed.name]["description"] == failed.description
    assert records[failed.name]["reason"].startswith("niah_single_1: an empty prediction scores 50, not 0")
    assert records["sample_loads_offline"]["reason"] == "all of it is generated"


@pytest.mark.parametrize("name", ["random", "grid", "optuna-nsga2"])
def test_a_search_algorithm_is_checked_line_by_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["check", "result", "reason"]
    assert [line.split()[0] for line in lines[1:]] == [check.name for check in SEARCH_ALGORITHM_CHECKS]


@pytest.mark.parametrize("name", ["oracle-top-k", "sparse-hub:oracle-top-k", "longbench-v2/0shot@sample"])
def test_a_name_may_be_written_as_new_takes_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", name])
    told = capsys.readouterr()
    assert not told.err
    assert told.out.splitlines()[0].split() == ["check", "result", "reason"]


@pytest.mark.slow
def test_of_a_name_that_two_claim_the_one_asked_for_is_checked(
    install: Callable[..., str], sparse_hub: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    path = install("sparse-hub-takes-builtin")
    result = sparse_hub("check", "sparse-hub-takes-builtin:oracle_top_k", "--json", PYTHONPATH=path)
    records = {record["name"]: record for record in json.loads(result.stdout)}
    # The built-in one declares a budget, theirs does not.
    assert records["full_budget_is_dense"]["reason"] == "it declares no budget_field"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("snik", "did you mean 'sink'"),
        ("rular", "Unknown benchmark 'rular': did you mean 'ruler'?"),
        ("rul-ar", "Unknown benchmark 'rul-ar': did you mean 'ruler'?"),
        ("local-sink", "'local_sink' is a preset; sparse-hub check covers maskers, benchmarks and search algorithms."),
        ("rular/vt", "Unknown benchmark 'rular': did you mean 'ruler'?"),
        ("ruler/vtt", "has no subset 'vtt': did you mean 'vt'?"),
        ("ruler/", "has no subset ''"),
        ("nevergrd", "Unknown search algorithm 'nevergrd': did you mean 'nevergrad'"),
        ("local_sink", "'local_sink' is a preset; sparse-hub check covers maskers, benchmarks and search algorithms."),
        ("demo", "'demo' is a model; sparse-hub check covers maskers, benchmarks and search algorithms."),
    ],
)
def test_other_names_are_refused(name: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", name]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
