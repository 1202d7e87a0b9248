"""A page is made of whatever there is: a run that goes on, was interrupted, or lost files."""

from __future__ import annotations

import re
import shutil
from contextlib import nullcontext

import pytest

from sparse_hub_core.results.files import read_json, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import RunFile, SummaryFile


def text_of(page):
    html = page.read_text()
    body = html[html.index("<body") : html.rindex("<script>\n/**")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


@pytest.mark.parametrize("name", ["run.json", "trials.jsonl", "predictions.jsonl", "requests.jsonl", "best.json"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00 no JSON", b'{"schema_version": 7}\n'])
def test_a_missing_or_damaged_file_leaves_a_page(full_folder, report, name, content):
    for path in [full_folder / name] if name == "run.json" else list(full_folder.glob(f"*/*/*/{name}")):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
    text = text_of(report(full_folder))
    if name not in ("best.json", "requests.jsonl") or content:
        assert name == "best.json" or f"{name}" in text
        assert name == "best.json" or "What could not be shown" in text


def test_an_empty_folder_has_a_page(tmp_path, registry):
    from sparse_hub_core.report.html import write_report

    text = text_of(write_report(tmp_path, SummaryFile(run_id="run-0", cells=[]), registry))
    assert "This run has no cells yet." in text
    assert "run.json is missing" in text


def test_a_winner_that_was_judged_again_names_no_file_and_misses_no_search(full_folder, report):
    for path in [*full_folder.glob("*/*/*/best.json"), *full_folder.glob("*/*/*/trials.jsonl")]:
        path.unlink()
    folder = full_folder.rename(full_folder.with_name("validate-0123456789"))
    summary = read_json(folder / "summary.json", SummaryFile)
    write_json(folder / "summary.json", summary.model_copy(update={"run_id": folder.name}))
    text = text_of(report(folder))
    assert "attention = SparseAttention([" in text
    assert "SparseAttention.load(" not in text
    assert "What could not be shown" not in text
    assert "sparse-hub validate BEST.json" in text


def test_folders_of_cells_that_are_gone_leave_a_page(full_folder, report):
    shutil.rmtree(full_folder / "demo")
    text = text_of(report(full_folder))
    assert "trials.jsonl is missing or empty, so its search is not shown." in text


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("killed", "This run was interrupted: 3 of 4 rows ended."),
        ("running", "This run goes on, and this page shows what there was when it was made: 3 of 4 rows ended."),
        ("interrupted", "This run was interrupted: 3 of 4 rows ended."),
        ("failed", "This run failed: 3 of 4 rows ended."),
        ("done", None),
    ],
)
def test_how_the_run_stands_is_said_at_the_top(full_folder, report, status, told):
    run_file = read_json(full_folder / "run.json", RunFile)
    write_json(full_folder / "run.json", run_file.model_copy(update={"status": status.replace("killed", "running")}))
    summary = read_json(full_folder / "summary.json", SummaryFile)
    cells = [*summary.cells[:3], summary.cells[3].model_copy(update={"status": "running"})]
    write_json(full_folder / "summary.json", summary.model_copy(update={"cells": cells}))
    running = RunDirectory(full_folder).locked() if status == "running" else nullcontext()
    with running:
        html = report(full_folder).read_text()
    assert ('role="status"' in html) == (told is not None)
    assert told is None or told in html


def test_a_line_that_is_being_written_is_left_out_and_the_others_are_shown(full_folder, report, cells, cut_off):
    folder = RunDirectory(full_folder).cell(*cells[1].place)
    num = len(folder.read_trials())
    cut_off(folder)
    text = text_of(report(full_folder))
    assert f"trials.jsonl, line {num + 1}, is cut off and was dropped." in text
    assert "30 configurations" in text


def test_a_page_of_a_very_long_search_is_capped_and_says_so(full_folder, report, cells):
    trials = RunDirectory(full_folder).cell(*cells[2].place).trials
    trials.write_text(trials.read_text() * 60)
    text = text_of(report(full_folder))
    assert "2000 of 2880 trials are shown" in text
    assert "The last 2000 of 2880 trials are drawn." in text
    assert "These are the best of 1800." in text
