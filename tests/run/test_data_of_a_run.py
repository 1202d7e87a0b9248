"""Which requests a run makes, and of what data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

import sparse_hub_benchmarks_builtin
from sparse_hub_core.cli.main import main

pytestmark = pytest.mark.slow

SAMPLE = Path(sparse_hub_benchmarks_builtin.__file__).parent / "longbench/sample/hotpotqa.jsonl"
SEARCH = (
    *("--model", "demo", "--benchmark", "longbench/hotpotqa", "--num-samples", "1", "--search-max-requests", "1"),
    *("--search-max-new-tokens", "2", "--search-max-context-length", "500", "--max-concurrent", "1"),
)
VALIDATION = (
    *("--validation-max-requests", "1", "--validation-max-new-tokens", "2", "--validation-max-context-length", "500"),
)


@pytest.fixture(scope="module")
def two_cores() -> Iterator[None]:
    """One Ray for all runs here."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture
def folder(two_cores: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a run in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARSE_HUB_TRACE_DIR", str(tmp_path / "traces"))
    return tmp_path


def test_dense_attention_alone_needs_no_request_to_search_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "hotpotqa.jsonl").write_text("".join(rows[:1]), encoding="utf-8")
    assert main(["run", *SEARCH, *VALIDATION, "--preset", "dense", "--data-folder", f"longbench={folder}"]) == 0
    assert "search" not in capsys.readouterr().err


def test_what_was_searched_on_a_folder_may_be_judged_on_the_sample(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "hotpotqa.jsonl").write_bytes(SAMPLE.read_bytes())
    assert main(["search", *SEARCH, "--preset", "local_sink", "--data-folder", f"longbench={folder}"]) == 0
    (best,) = folder.glob("runs/*/*/*/local_sink/best.json")
    assert json.loads(best.read_text())["data"].startswith("folder hotpotqa ")
    assert main(["validate", str(best)]) != 0
    assert "--data-folder longbench=DIR" in capsys.readouterr().err
    assert main(["validate", str(best), "--data-sample", "--max-concurrent", "1", *VALIDATION]) == 0
    assert "longbench/hotpotqa@sample" in capsys.readouterr().out
