"""docs/using-the-winner.md: its blocks run, on the demo model and a winner made by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from pages import blocks, lines, page
from transformers import DynamicCache

from sparse_hub_core import get_model
from sparse_hub_core.cli.main import main
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.schema import Best, MaskerRecord

TEXT = page("using-the-winner.md")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a best.json, in which the program runs."""
    settings: dict[str, Any] = {"objective_name": "default", "objective": 0.3, "error": 0.2, "density": 0.1}
    write_json(
        tmp_path / "best.json",
        Best(
            **{"cell_identity": "0" * 64, "model": "demo", "model_source": "demo", "model_revision": None},
            **{"task": "ruler/vt", "preset": "local_sink", "parameters": {}, "seed": 0, "versions": {}},
            maskers=[MaskerRecord(masker="local", parameters={"window_size": 4})],
            **{"search_settings": {}, "validation_settings": {}, "device": "cpu", "dtype": "float32"},
            **settings,
        ),
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_blocks_run(folder: Path) -> None:
    demo = get_model("demo", "cpu")
    inputs = demo.tokenizer("The grass is green. " * 20, return_tensors="pt")
    names = {"model": demo.model, "tokenizer": demo.tokenizer, "inputs": inputs}
    names |= {"torch": torch, "DynamicCache": DynamicCache}
    for block in blocks(TEXT, "python"):
        exec(block, names)
    assert names["answer"].shape[1] > inputs.input_ids.shape[1]
    assert names["ids"].shape[1] > names["cache"].get_seq_length() > names["answer"].shape[1] - 8


def test_the_shell_blocks_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in [line for block in blocks(TEXT, "sh") for line in lines(block)]:
        code = main(shlex.split(line)[1:])
        printed = capsys.readouterr()
        if line.startswith("sparse-hub card best.json"):
            # This winner was made by hand, so nothing judged it.
            assert "holds no validated winner" in printed.err
        else:
            assert code == 0, printed.err
