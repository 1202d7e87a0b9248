"""A whole run with its model and its data from a hub: the command line, the real clients, the real protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sparse_hub_benchmarks_builtin

from .hub_server import files_of

pytestmark = pytest.mark.slow

BUILTIN = Path(sparse_hub_benchmarks_builtin.__file__).parent
SMALL = (
    *("--model", "org/demo", "--benchmark", "loogle/shortdep_cloze", "--preset", "local_sink", "--num-samples", "1"),
    *("--max-concurrent", "1"),
    *("--search-max-requests", "1", "--search-max-new-tokens", "2", "--search-max-context-length", "600"),
    *("--validation-max-requests", "2", "--validation-max-new-tokens", "2", "--validation-max-context-length", "600"),
)


@pytest.fixture
def sparse_hub(client, tmp_path):
    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sparse_hub_core.cli.main", *arguments]
        variables = client.variables(**environment)
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)

    return call


def test_a_run_and_its_validation_keep_to_one_commit(hub, sparse_hub, tmp_path):
    rows = (BUILTIN / "loogle/sample/shortdep_cloze.jsonl").read_bytes()
    hub.publish("model", "org/demo", files_of(BUILTIN / "demo_model"))
    commit = hub.publish("dataset", "simonjegou/loogle", {"shortdep_cloze/test.jsonl": rows})
    done = sparse_hub("run", *SMALL)
    assert done.returncode == 0, done.stderr
    data = f"hub simonjegou/loogle@{commit}"
    assert f"Data of loogle/shortdep_cloze: {data}." in done.stdout
    (best,) = tmp_path.glob("runs/*/*/*/local_sink/best.json")
    assert json.loads(best.read_text())["data"] == data

    hub.publish("dataset", "simonjegou/loogle", {"shortdep_cloze/test.jsonl": rows.splitlines(keepends=True)[0]})
    again = sparse_hub("validate", str(best), "--max-concurrent", "1")
    assert again.returncode == 0, again.stderr
    assert f"Data of loogle/shortdep_cloze: {data}." in again.stdout


def test_a_task_without_data_fails_alone(hub, sparse_hub, tmp_path):
    hub.publish("model", "org/demo", files_of(BUILTIN / "demo_model"))
    hub.publish("dataset", "simonjegou/loogle", {"shortdep_cloze/test.jsonl": b"{}"}, token="secret")
    done = sparse_hub("run", *SMALL, "--benchmark", "ruler/niah_single_1")
    assert done.returncode == 1
    assert "it is gated, and no token was sent" in done.stdout
    assert "hf auth login" in done.stdout
    cells = {
        cell["task"]: cell["status"]
        for cell in json.loads(next(tmp_path.glob("runs/*/summary.json")).read_text())["cells"]
    }
    assert cells == {"loogle/shortdep_cloze": "failed", "ruler/niah_single_1": "done"}
