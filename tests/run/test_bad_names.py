"""Wrong names and values end a run before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import finish

WRONG = {
    "model": (("--model", "dem0"), "'demo'"),
    "model folder": (("--model", "./nowhere"), "./nowhere"),
    "benchmark": (("--benchmark", "rular/vt"), "'ruler'"),
    "subset": (("--benchmark", "ruler/niah_multikey"), "'niah_multikey_2'"),
    "no subset": (("--benchmark", "ruler"), "needs a subset"),
    "preset": (("--preset", "local_snk"), "'local_sink'"),
    "objective": (("--objective", "sparsity_3"), "'sparsity_2'"),
    "algorithm": (("--search-algorithm", "nevergrat"), "'nevergrad'"),
    "range": (("--num-samples", "0"), "--num-samples"),
    "cuda": (("--device", "cuda"), "--device"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRONG)
def test_one_sentence_and_exit_2(kind: str, tmp_path: Path) -> None:
    flags, expected = WRONG[kind]
    ended = finish(tmp_path, "run", "--debug", *flags)
    assert ended.process.returncode == 2
    assert expected in ended.process.stderr
    assert "Traceback" not in ended.process.stderr
    assert not (tmp_path / "runs").exists()
