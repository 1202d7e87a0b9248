from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparse_hub_core.cli.main import main

pytestmark = pytest.mark.slow

PARETO = (
    *("run", "--debug", "--preset", "sink_local_oracle_top_k", "--num-samples", "4", "--max-concurrent", "1"),
    *("--search-max-requests", "1", "--search-max-context-length", "512", "--fidelity", "F0"),
    *("--validation-max-requests", "1", "--validation-max-new-tokens", "2", "--validation-max-context-length", "512"),
    *("--objective", "pareto", "--density", "0.0001", "--density", "1.0"),
)


def test_a_density_that_nothing_reaches_is_a_failed_row_and_the_search_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for is_again in (False, True):
        assert main([*PARETO, "--output-dir", str(tmp_path)]) == 1
        told = capsys.readouterr().err
        assert "No configuration keeps to density at most 0.01%: the nearest at F0 has density" in told
        assert (" F0 1/4: ok" in told) is not is_again
        (summary,) = tmp_path.glob("run-*/summary.json")
        rows = {row["target"]: row for row in json.loads(summary.read_text())["cells"] if row["preset"] != "dense"}
        assert {name: row["status"] for name, row in rows.items()} == {"density-0.01": "failed", "density-100": "done"}
        assert "at most 0.01%" in rows["density-0.01"]["reason"]
