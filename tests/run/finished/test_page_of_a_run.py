"""The page of a real run, opened in a browser."""

from __future__ import annotations

import pytest

from tests.report.conftest import browser

__all__ = ["browser"]

pytestmark = pytest.mark.slow


def test_the_page_of_a_real_run_opens(finished_run, browser):
    assert finished_run.process.returncode == 0, finished_run.process.stderr
    browser.show(finished_run.run / "report.html")
    assert all(browser.figures().values())
    assert browser.complaints() == []
    assert browser.overflow() <= 0
    lines = finished_run.lines("local_sink", "predictions.jsonl")
    differing = sum(line["sparse_score"] != line["dense_score"] for line in lines)
    told = browser.run("return document.querySelector('#disagreements summary').textContent")
    assert f"{differing} of {len(lines)} questions scored differently" in told
