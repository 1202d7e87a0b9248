"""Wrong names and values end a run before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_hub_core.cli.main import main

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
    "cuda": (("--device", "cuda:7"), "--device"),
    "data folder": (("--data-folder", "longbench=nowhere"), "nowhere"),
    "data folder of nothing": (("--data-folder", "longbech=."), "'longbench'"),
    "data folder without a name": (("--data-folder", "nowhere"), "NAME=DIR"),
    "data root": (("--data-root", "nowhere"), "nowhere"),
    "sample of a generated task": (("--benchmark", "ruler/vt@sample"), "needs no sample"),
    "sample of an unknown task": (("--benchmark", "longbench/hotpot@sample"), "'hotpotqa'"),
    "extra metric": (("--extra-metric", "bert_scor"), "bert_scor"),
    "densities of one winner": (("--density", "0.1"), "--max-density"),
    "empty folder": (("--model", "."), "config.json"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_one_sentence_and_exit_2(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags, expected = WRONG[kind]
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--debug", *flags]) == 2
    printed = capsys.readouterr()
    assert expected in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_an_address_where_no_ray_answers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "--debug", "--preset", "local_sink", "--output-dir", str(tmp_path)]
    assert main([*arguments, "--ray-address", "127.0.0.1:1"]) == 1
    assert "--ray-address 127.0.0.1:1 cannot be reached (Connection refused)" in capsys.readouterr().err
