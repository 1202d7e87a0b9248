"""The decorator and the subject of benchmarks, as a third party uses them: ids, skips, strict expected failures."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from good_benchmarks import NUMBERS, TOWNS, Towns

from sparse_hub_core import Benchmark, HubDataset, Question, UsageError
from sparse_hub_core.testing import BENCHMARK_CHECKS, BenchmarkSubject, benchmark_checks, run_checks
from sparse_hub_core.testing.check import told_as_failure

pytest_plugins = ["pytester"]

PINNED = "dataset_revision_is_pinned"
KNOWN = "no commit of it is known"


class OneIsOnABranch(Towns):
    known_failures = {PINNED: KNOWN}  # noqa: RUF012

    def dataset(self, subset: str) -> HubDataset | None:
        dataset = super().dataset(subset)
        assert dataset is not None
        return replace(dataset, revision="main") if subset == "hidden" else dataset


BOTH = (TOWNS, replace(TOWNS, name="hidden"))


@pytest.mark.parametrize("name", ["longbench_v2", "ruler/vt"])
def test_three_lines_give_one_test_per_check(pytester: pytest.Pytester, name: str) -> None:
    pytester.makepyfile(
        f"""
        from sparse_hub_core.testing import benchmark_checks

        @benchmark_checks({name!r})
        def test_conformance(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess("-v", "-rs", "-k", "metadata or described or ids or columns or missing")
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] + outcomes["skipped"] == 5
    assert outcomes["deselected"] == len(BENCHMARK_CHECKS) - 5
    result.stdout.fnmatch_lines(["*test_conformance[[]metadata_is_complete[]]*"])
    result.stdout.fnmatch_lines(["SKIPPED*it has no metrics that are computed only where asked for"])


def test_a_known_failure_is_expected_strictly(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sparse_hub_core.testing import benchmark_checks
        from test_benchmark_checks import BOTH, OneIsOnABranch

        @benchmark_checks(OneIsOnABranch, subsets=BOTH)
        def test_known(check):
            check()

        @benchmark_checks(OneIsOnABranch, subsets=BOTH[:1])
        def test_nothing(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess("-rxf", "-k", PINNED)
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines([f"*{KNOWN}*"])


@pytest.mark.parametrize(
    ("subsets", "whole", "result"),
    [
        (BOTH, True, "expected failure"),
        (BOTH[1:], False, "expected failure"),
        (BOTH[:1], True, "failed"),
        # What is known of the benchmark need not show in one of its subsets.
        (BOTH[:1], False, "ok"),
    ],
)
def test_without_pytest_the_same_is_told_of_benchmarks(subsets, whole, result) -> None:
    subject = replace(BenchmarkSubject.of(OneIsOnABranch, subsets), whole=whole)
    (outcome,) = [outcome for outcome in run_checks(subject) if outcome.check.name == PINNED]
    assert outcome.result == result
    assert (KNOWN in (outcome.reason or "")) == (result != "ok")


def test_a_subset_is_checked_alone() -> None:
    whole, one = (BenchmarkSubject.of(name) for name in ("ruler", "ruler/vt"))
    assert whole.whole
    assert not one.whole
    assert [subset.name for subset in one.declared] == ["vt"]
    assert {subset.name for subset in whole.declared} > {"vt"}
    assert one.provenance == whole.provenance is not None


def test_what_is_not_there_is_told_when_the_tests_are_collected() -> None:
    for name, sentence in (("rular", "did you mean 'ruler'"), ("ruler/vtt", "has no subset 'vtt'")):
        with pytest.raises(UsageError, match=sentence):
            benchmark_checks(name)


def test_of_several_subsets_the_one_that_fails_is_named() -> None:
    subsets = [replace(NUMBERS, name=f"s{index}", licence="") for index in range(6)]
    outcomes = {outcome.check.name: outcome for outcome in run_checks(BenchmarkSubject.of(Towns, subsets))}
    reason = outcomes["metadata_is_complete"].reason
    assert reason == "s0: the licence is not declared (5 more of its subsets fail: s1, s2, s3, ...)"


class TakesTheFirstWord(Towns):
    def score(self, prediction: str, question: Question) -> float | None:
        return first_word_scores(prediction, question)


def first_word_scores(prediction: str, question: Question) -> float:
    return 100.0 * (prediction.split()[0] in question.text)


class ReadsJson(Towns):
    def score(self, prediction: str, question: Question) -> float | None:
        return super().score(prediction, question) if prediction[:1] != "{" else json.loads(prediction)


@pytest.mark.parametrize(
    ("benchmark", "check", "function", "error"),
    [
        (TakesTheFirstWord, "empty_predictions_score_the_worst", first_word_scores, "IndexError"),
        (TakesTheFirstWord, "any_prediction_scores_in_range", first_word_scores, "IndexError"),
        (ReadsJson, "any_prediction_scores_in_range", ReadsJson.score, "JSONDecodeError"),
    ],
)
def test_what_a_score_raises_is_told_with_its_file_and_line(
    benchmark: type[Towns], check: str, function: Callable[..., object], error: str
) -> None:
    (outcome,) = [one for one in run_checks(BenchmarkSubject.of(benchmark, (TOWNS,))) if one.check.name == check]
    lines, first = inspect.getsourcelines(function)
    place = f"{Path(__file__).name}, line {first + len(lines) - 1}: "
    assert f"raises {error} in " in str(outcome.reason)
    assert place in str(outcome.reason)


def test_an_error_for_people_needs_no_line() -> None:
    with pytest.raises(AssertionError, match=r"^it raises UsageError: take another one$"), told_as_failure():
        raise UsageError("take another one")


class HasAFolder(Towns):
    rows = Benchmark.rows
    folder = Path("nowhere")

    @property
    def sample_folder(self) -> Path:
        return self.folder


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("towns.jsonl", None),
        ("town.jsonl", "it has no data for 'towns'; it has town.jsonl"),
        (None, "there is no such folder"),
    ],
)
def test_a_sample_that_cannot_be_loaded_is_told_once(
    file: str | None, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sample"
    if file is not None:
        folder.mkdir()
        (folder / file).write_text("".join(json.dumps(row) + "\n" for row in Towns().rows("towns")))
    monkeypatch.setattr(HasAFolder, "folder", folder)
    outcomes = [one for one in run_checks(BenchmarkSubject.of(HasAFolder, (TOWNS,))) if one.reason]
    failed = [(one.check.name, one.reason) for one in outcomes if one.result == "failed"]
    skipped = [one for one in outcomes if one.reason == "its sample cannot be loaded"]
    if reason is None:
        assert not skipped
        return
    assert failed == [("sample_loads_offline", f"towns: put towns.jsonl into {folder}: {reason}")]
    assert len(skipped) > 12


class HidesItsSample(HasAFolder):
    known_failures = {"sample_loads_offline": "nobody may publish a row"}  # noqa: RUF012


def test_a_sample_that_is_known_to_be_missing_excuses_no_other_check() -> None:
    results = {one.check.name: one.result for one in run_checks(BenchmarkSubject.of(HidesItsSample, (TOWNS,)))}
    assert results["sample_loads_offline"] == "expected failure"
    assert results["ids_are_unique"] == results["copies_score_the_same"] == "failed"
