"""A card of a real run, reproduced in another folder; a card that was changed is found out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sparse_hub_core.cli.main import main
from sparse_hub_core.results.agreement import AgreementFile
from sparse_hub_core.results.files import read_json

from ..conftest import Finished

pytestmark = pytest.mark.slow


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs the program in this process and returns its exit code and what it printed."""

    def call(folder: Path, *arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


def test_a_card_is_reproduced_elsewhere_and_names_no_folder(finished_run: Finished, reproduced: Finished) -> None:
    for name in ("card.json", "card.md"):
        assert str(finished_run.folder) not in (reproduced.folder / "published" / name).read_text()
    assert reproduced.process.returncode == 0, reproduced.process.stderr
    assert "with the model of" in reproduced.process.stderr.splitlines()[0]
    last = reproduced.process.stdout.splitlines()[-1]
    assert last.startswith("Reproduced to the bit: 6 of 6 dense and 6 of 6 sparse")
    assert "Unlike the card" not in reproduced.process.stdout
    found = read_json(next(reproduced.run.rglob("agreement.json")), AgreementFile)
    assert (found.verdict, found.same_sparse, found.unlike) == ("reproduced to the bit", 6, [])


def test_a_changed_card_does_not_agree(
    reproduced: Finished, said: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    for name in ("published", "runs"):
        shutil.copytree(reproduced.folder / name, tmp_path / name)
    card = tmp_path / "published" / "card.json"
    content = json.loads(card.read_text())
    for question in content["questions"]:
        question["sparse_score"] = 100.0 - question["sparse_score"]
    results = content["results"]
    results["sparse"]["mean"] = 100.0 - results["sparse"]["mean"]
    results["difference"]["mean"] = results["sparse"]["mean"] - results["dense"]["mean"]
    card.write_text(json.dumps(content))
    code, printed = said(tmp_path, "validate", "published/card.json", "--max-concurrent", "1")
    assert code == 1, printed
    assert "Does not agree: the card scores 6 of 6 otherwise" in printed
