"""Which requests a run makes, and of what data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sparse_hub_benchmarks_builtin

from .conftest import finish

pytestmark = pytest.mark.slow

SAMPLE = Path(sparse_hub_benchmarks_builtin.__file__).parent / "longbench/sample/hotpotqa.jsonl"
SMALL = (
    *("--model", "demo", "--benchmark", "longbench/hotpotqa", "--num-samples", "1", "--search-max-requests", "1"),
    *("--search-max-new-tokens", "2", "--search-max-context-length", "500", "--validation-max-requests", "1"),
    *("--validation-max-new-tokens", "2", "--validation-max-context-length", "500"),
)


def test_dense_attention_alone_needs_no_request_to_search_on(tmp_path: Path) -> None:
    rows = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "hotpotqa.jsonl").write_text("".join(rows[:1]), encoding="utf-8")
    done = finish(tmp_path, "run", *SMALL, "--preset", "dense", "--data-folder", f"longbench={tmp_path}")
    assert done.process.returncode == 0, done.process.stdout
    assert "search" not in done.process.stderr


def test_what_was_searched_on_a_folder_may_be_judged_on_the_sample(tmp_path: Path) -> None:
    (tmp_path / "hotpotqa.jsonl").write_bytes(SAMPLE.read_bytes())
    done = finish(tmp_path, "search", *SMALL[:-6], "--preset", "local_sink", "--data-folder", f"longbench={tmp_path}")
    assert done.process.returncode == 0, done.process.stdout
    best = done.cell("local_sink") / "best.json"
    assert json.loads(best.read_text())["data"].startswith("folder hotpotqa ")
    assert "--data-folder longbench=DIR" in finish(tmp_path, "validate", str(best)).process.stderr
    judged = finish(tmp_path, "validate", str(best), "--data-sample", *SMALL[-6:])
    assert judged.process.returncode == 0, judged.process.stderr
    assert "longbench/hotpotqa@sample" in judged.process.stdout
