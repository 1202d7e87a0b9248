"""The search-algorithm part is held to its own claim: every check fails on what breaks it, and it first of all."""

from __future__ import annotations

import functools
import subprocess
import sys

import pytest
from broken_search_algorithms import BROKEN, Broken
from good_search_algorithms import GOOD, Climber

from sparse_hub_core import ConfigError, SearchAlgorithm, UsageError
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.testing import (
    SEARCH_ALGORITHM_CHECKS,
    Check,
    SearchAlgorithmSubject,
    run_checks,
    search_algorithm_checks,
)

pytest_plugins = ["pytester"]

ALGORITHMS = [entry.name for entry in load_registry().search_algorithms]
# One subject for all checks of an algorithm, because they share the other process.
subject_of = functools.cache(SearchAlgorithmSubject.of)


@pytest.mark.parametrize("broken", [pytest.param(one, id=f"{one.check}-{one.algorithm.__name__}") for one in BROKEN])
def test_the_first_check_that_fails_is_the_one_that_is_broken(broken: Broken) -> None:
    subject = SearchAlgorithmSubject.of(broken.algorithm)
    failed = next(outcome for outcome in run_checks(subject) if outcome.result == "failed")
    assert (failed.check.name, broken.says in (failed.reason or "")) == (broken.check, True), failed.reason


@pytest.mark.parametrize("algorithm", GOOD)
def test_a_good_algorithm_passes_every_check(algorithm: type[SearchAlgorithm]) -> None:
    outcomes = list(run_checks(SearchAlgorithmSubject.of(algorithm)))
    assert {outcome.result for outcome in outcomes} <= {"ok", "does not apply"}, outcomes
    assert algorithm is not Climber or all(outcome.result == "ok" for outcome in outcomes)


def test_every_check_has_a_broken_algorithm() -> None:
    assert {broken.check for broken in BROKEN} == {check.name for check in SEARCH_ALGORITHM_CHECKS}


def test_every_check_of_algorithms_is_described_in_a_sentence() -> None:
    assert len({check.name for check in SEARCH_ALGORITHM_CHECKS}) == len(SEARCH_ALGORITHM_CHECKS)
    for check in SEARCH_ALGORITHM_CHECKS:
        assert check.description.endswith(".")
        assert "\n" not in check.description


@pytest.mark.parametrize("check", SEARCH_ALGORITHM_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_registered_algorithm_holds_it(name: str, check: Check[SearchAlgorithmSubject]) -> None:
    subject = subject_of(name)
    reason = check.does_not_apply(subject)
    if reason is not None:
        pytest.skip(reason)
    if check.name in subject.known_failures:
        with pytest.raises(AssertionError):
            check(subject)
    else:
        check(subject)


def test_three_lines_give_one_test_per_check_of_an_algorithm(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sparse_hub_core.testing import search_algorithm_checks

        @search_algorithm_checks("random")
        def test_conformance(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess("-v", "-rs", "-k", "learns or seed or space")
    assert result.parseoutcomes()["deselected"] == len(SEARCH_ALGORITHM_CHECKS) - 5
    result.stdout.fnmatch_lines(["SKIPPED*it does not declare that it learns"])


def test_options_are_under_test_too() -> None:
    subject = SearchAlgorithmSubject.of(Climber, {"daring": 1.0})
    failed = [outcome.check.name for outcome in run_checks(subject) if outcome.result == "failed"]
    assert failed == ["learns_from_its_own_trials", "learns_from_trials_from_elsewhere"]
    with pytest.raises(ConfigError, match=r"daring = 2\.0 is wrong for Climber: it must be at most 1"):
        SearchAlgorithmSubject.of(Climber, {"daring": 2.0}).fresh()


def test_an_algorithm_that_is_not_there_is_told_when_the_tests_are_collected() -> None:
    with pytest.raises(UsageError, match="did you mean 'nevergrad'"):
        search_algorithm_checks("nevergrat")


def test_the_kit_brings_no_torch_for_an_algorithm() -> None:
    script = (
        "import sys; sys.modules['pytest'] = None\n"
        "from sparse_hub_core.testing import SearchAlgorithmSubject, run_checks\n"
        "assert list(run_checks(SearchAlgorithmSubject.of('random')))\n"
        "assert not sys.modules.keys() & {'torch', 'datasets', 'transformers', 'ray', 'optuna', 'hyperopt'}"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
