"""The kit is held to its own claim: every check fails on a masker that breaks it, and passes on good ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_maskers import BROKEN
from broken_rows import TypesItsShareAsFloat
from good_maskers import CONTENT, GOOD, NamesAFile, RefusesOtherContent

from sparse_hub_core import MaskerConfig
from sparse_hub_core.registry import Role
from sparse_hub_core.testing import CHECKS, Check, Subject


def names(check: Check) -> str:
    return check.name


MAY_CRASH = {"keeps_shape_and_dtype", "takes_every_length", "every_setting_runs"}
"""Checks that are there to find what raises."""
BROKEN_PAIRS = [pytest.param(name, *pair, id=f"{name}-{pair[0].__name__}") for name in BROKEN for pair in BROKEN[name]]


@pytest.mark.parametrize(("name", "config_class", "role"), BROKEN_PAIRS)
def test_a_check_fails_on_a_broken_masker(name: str, config_class: type[MaskerConfig], role: Role) -> None:
    (check,) = [check for check in CHECKS if check.name == name]
    subject = Subject.of(config_class, role)
    assert check.does_not_apply(subject) is None
    with pytest.raises(AssertionError) as failure:
        check(subject)
    sentence = str(failure.value)
    assert len(sentence.split()) > 3
    # A masker that only crashes says nothing of whether the check finds what it is for.
    assert name in MAY_CRASH or "raises" not in sentence


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("check", CHECKS, ids=names)
def test_every_check_passes_on_good_maskers(check: Check, kind: str) -> None:
    subject = Subject.of(*GOOD[kind])
    if check.does_not_apply(subject) is None:
        check(subject)


@pytest.mark.parametrize("config_class", [NamesAFile, RefusesOtherContent])
def test_a_file_that_is_told_by_its_content_passes(config_class: type[NamesAFile], tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    path.write_bytes(CONTENT)
    subject = Subject.of(config_class, config=config_class(weights=str(path)))
    for name in ("missing_files_are_named", "files_are_identified_by_content"):
        (check,) = [check for check in CHECKS if check.name == name]
        assert check.does_not_apply(subject) is None
        check(subject)


def test_a_share_that_is_no_size_is_named() -> None:
    (check,) = [check for check in CHECKS if check.name == "chunks_equal_single_steps"]
    with pytest.raises(AssertionError, match="which share may be, is to be typed Size"):
        check(Subject.of(TypesItsShareAsFloat))


def test_every_check_has_a_broken_masker() -> None:
    assert BROKEN.keys() == {check.name for check in CHECKS}


def test_every_check_is_described_in_a_sentence() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.description.endswith(".")
        assert "\n" not in check.description
