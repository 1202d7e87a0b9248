"""The pytest decorator, as a third party uses it: ids, skips, strict expected failures."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

# Imported before pytester forgets what its tests import, because parts of numpy cannot be loaded twice.
import nevergrad  # noqa: F401
import pytest
import torch
from good_maskers import SmallKeys, SmallKeysConfig

from sparse_hub_core import ConfigError, Domain, Layer, Mask, UsageError
from sparse_hub_core.testing import CHECKS, Subject, masker_checks, run_checks

pytest_plugins = ["pytester"]

KNOWN = "it reads one key more than it says, and nobody minds"


class OneMoreIsKnown(SmallKeysConfig):
    known_failures = {"keeps_its_bound": KNOWN}  # noqa: RUF012

    def max_keys(self, num_keys: int) -> int | None:
        return 1


class NothingFails(SmallKeysConfig):
    known_failures = {"keeps_its_bound": KNOWN}  # noqa: RUF012


def test_three_lines_give_one_test_per_check(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sparse_hub_core.testing import masker_checks

        @masker_checks("sink")
        def test_conformance(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess("-v", "-rs")
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] + outcomes["skipped"] == len(CHECKS)
    assert set(outcomes) == {"passed", "skipped"}
    for check in CHECKS:
        result.stdout.fnmatch_lines([f"*test_conformance*{check.name}?*"])
    result.stdout.fnmatch_lines(["SKIPPED*it does not restrict what others chose"])


def test_an_expected_failure_that_passes_is_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sparse_hub_core.testing import masker_checks
        from test_masker_checks import NothingFails, OneMoreIsKnown

        @masker_checks(OneMoreIsKnown)
        def test_known(check):
            check()

        @masker_checks(NothingFails, role="selector", config=NothingFails(heavy_size=4))
        def test_nothing(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess("-rxf", "-k", "keeps_its_bound")
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines([f"*{KNOWN}*"])


@pytest.mark.parametrize(
    ("config_class", "result"),
    [(OneMoreIsKnown, "expected failure"), (NothingFails, "failed"), (SmallKeysConfig, "ok")],
)
def test_without_pytest_the_same_is_told(config_class: type[SmallKeysConfig], result: str) -> None:
    outcomes = {outcome.check.name: outcome for outcome in run_checks(Subject.of(config_class))}
    assert list(outcomes) == [check.name for check in CHECKS]
    assert outcomes["keeps_its_bound"].result == result
    assert (KNOWN in (outcomes["keeps_its_bound"].reason or "")) == (result != "ok")
    assert outcomes["restricting_adds_nothing"].result == "does not apply"


class NeverFeasible(SmallKeysConfig):
    def infeasible_because(self, num_keys: int) -> str | None:
        raise ZeroDivisionError("no key is left")


class NoSpace(SmallKeysConfig):
    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        raise KeyError(task_name)


class NoMasker(SmallKeysConfig):
    def create_masker(self) -> Any:
        raise OSError("no weights are here")


@pytest.mark.parametrize(
    ("config_class", "check", "sentence"),
    [
        (NeverFeasible, "keeps_its_bound", "ZeroDivisionError: no key is left"),
        (NeverFeasible, "infeasible_says_why", "ZeroDivisionError: no key is left"),
        (NoSpace, "space_names_fields", "KeyError: 'ruler/niah'"),
        (NoMasker, "chunks_equal_single_steps", "OSError: no weights are here"),
    ],
)
def test_what_raises_before_a_check_begins_fails_it(
    config_class: type[SmallKeysConfig], check: str, sentence: str
) -> None:
    outcomes = {outcome.check.name: outcome for outcome in run_checks(Subject.of(config_class, "selector"))}
    assert list(outcomes) == [check.name for check in CHECKS]
    without_place = re.sub(r" in \S*test_masker_checks\.py, line \d+:", ":", outcomes[check].reason or "")
    assert (outcomes[check].result, without_place) == ("failed", f"it raises {sentence}")
    assert outcomes["unknown_keys_raise"].result == "ok"


class FitsOneModel(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        if (queries.shape[1], *layer.keys.shape[1::2]) != (8, 2, 16):
            raise ConfigError("The weights are for another model.")
        return super().add_mask(layer, queries, mask)


class ForOneModel(SmallKeysConfig):
    masker = FitsOneModel


def test_a_masker_that_fits_one_model_is_checked_in_its_shapes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sparse_hub_core.testing import masker_checks
        from test_masker_checks import ForOneModel

        @masker_checks(ForOneModel, heads=(8, 2), head_dim=16)
        def test_conformance(check):
            check()
        """
    )
    outcomes = pytester.runpytest_inprocess().parseoutcomes()
    assert outcomes["passed"] + outcomes["skipped"] == len(CHECKS)
    failed = {outcome.check.name for outcome in run_checks(Subject.of(ForOneModel)) if outcome.result == "failed"}
    assert {"keeps_shape_and_dtype", "chunks_equal_single_steps"} <= failed


def test_a_name_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(UsageError, match="did you mean 'sink'"):
        masker_checks("snik")


def test_the_kit_works_without_pytest() -> None:
    script = (
        "import sys; sys.modules['pytest'] = None\n"
        "from sparse_hub_core.testing import Subject, run_checks\n"
        "assert {o.result for o in run_checks(Subject.of('causal'))} == {'ok', 'does not apply'}"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
