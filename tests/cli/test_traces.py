"""``sparse-hub traces`` on what one real search left."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from sparse_hub_core.cli.main import main
from sparse_hub_core.cli.traces import READERS, readable_size
from sparse_hub_core.cli.traces import traces as command
from sparse_hub_core.models.stored_files import SUFFIX, stored_files

pytestmark = pytest.mark.slow

TASK = "ruler/niah_single_1"
SEARCH = (
    *("search", "--model", "demo", "--benchmark", TASK, "--preset", "local_sink", "--num-samples", "2"),
    *("--fidelity", "F0", "--max-concurrent", "1", "--search-max-requests", "2", "--search-max-new-tokens", "4"),
    *("--search-max-context-length", "512"),
)


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Path:
    """The folder of the traces of a search of two requests."""
    folder = tmp_path_factory.mktemp("searched")
    assert main([*SEARCH, "--trace-dir", str(folder / "traces"), "--output-dir", str(folder / "runs")]) == 0
    return folder / "traces"


@pytest.fixture
def kept(searched, tmp_path) -> Path:
    """A copy to delete from, with files of another version, damaged ones, half written ones, and a user's own."""
    folder = tmp_path / "kept"
    shutil.copytree(searched, folder)
    (folder / f"old-1{SUFFIX}").write_bytes(b"old" * 100)
    (folder / f"damaged-3{SUFFIX}").write_bytes(b"no header")
    (folder / "half-3.sparse-hub.77.part").write_bytes(b"half")
    (folder / "model.safetensors").write_bytes(b"a user's own")
    return folder


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def listed(folder: Path, *arguments: str) -> dict:
    return json.loads(run("--json", "--trace-dir", str(folder), *arguments))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_what_a_search_left_is_listed_by_model_task_and_kind(searched):
    content = listed(searched)
    assert content["directory"] == str(searched)
    assert [(one["model"], one["task"], one["kind"], one["files"]) for one in content["kept"]] == [
        ("-", "-", "answers", 1),
        ("demo", TASK, "prefix", 2),
        ("demo", TASK, "trace", 2),
    ]
    answers, prefixes, traces = content["kept"]
    (book,) = (searched / "answers").iterdir()
    assert answers["num_bytes"] == book.stat().st_size
    assert 2 * 256 < prefixes["tokens"] <= 2 * 512
    assert 2 * 4 < traces["tokens"] < prefixes["tokens"]
    sizes = [path.stat().st_size for path in searched.glob(f"*{SUFFIX}")]
    assert content["num_bytes"] - answers["num_bytes"] == prefixes["num_bytes"] + traces["num_bytes"] == sum(sizes)
    assert traces["last_used"] == max(path.stat().st_mtime for path in searched.glob(f"*trace*{SUFFIX}"))


def test_people_see_the_total_and_the_folder(searched):
    lines = run("--trace-dir", str(searched)).splitlines()
    assert lines[0].split() == ["model", "task", "kind", "files", "tokens", "size", "last", "used"]
    assert lines[1].split()[:4] == ["-", "-", "answers", "1"]
    assert [line.split()[:4] for line in lines[2:-1]] == [["demo", TASK, "prefix", "2"], ["demo", TASK, "trace", "2"]]
    assert re.fullmatch(rf"5 files, \d+\.\d MB, in {re.escape(str(searched))}", lines[-1])


def test_the_folder_of_the_environment_is_the_default(searched, monkeypatch):
    monkeypatch.setenv("SPARSE_HUB_TRACE_DIR", str(searched))
    assert json.loads(run("--json")) == listed(searched)


def test_files_that_cannot_be_used_are_listed_as_such(kept):
    unusable = [one for one in listed(kept)["kept"] if one["model"] == "-"]
    assert [(one["kind"], one["files"]) for one in unusable[1:]] == [
        ("cut off", 1),
        ("damaged", 1),
        ("other version", 1),
    ]


def test_deleting_frees_what_was_listed_and_leaves_all_else(kept):
    total, books = listed(kept)["num_bytes"], {book.name for book in (kept / "answers").iterdir()}
    theirs = names(kept) - {file.path.name for file in stored_files(kept)} - books
    said = run("--delete", "--trace-dir", str(kept))
    assert said == f"Deleted 8 files from {kept} and freed {readable_size(total)}.\n{READERS}\n"
    assert {"answers", "locks", "model.safetensors"} <= names(kept) == theirs
    assert stored_files(kept) == []
    assert run("--delete", "--trace-dir", str(kept)) == f"Deleted 0 files from {kept} and freed 0 bytes.\n"
    assert run("--trace-dir", str(kept)) == f"0 files, 0 bytes, in {kept}\n"


@pytest.mark.parametrize(
    ("asked", "deleted"),
    [
        (("--model", "demo"), 4),
        (("--model", "another"), 0),
        (("--task", TASK), 4),
        (("--task", "ruler/vt"), 0),
        (("--model", "demo", "--task", "ruler/vt"), 0),
        (("--older-than", "2"), 1),
        (("--older-than", "2", "--model", "another"), 0),
        (("--older-than", "0"), 8),
    ],
)
def test_only_what_is_asked_for_is_deleted(kept, asked, deleted):
    oldest = next(kept.glob(f"*trace*{SUFFIX}"))
    then = oldest.stat().st_mtime - 3 * 24 * 60 * 60
    os.utime(oldest, (then, then))
    before = names(kept)
    content = listed(kept, "--delete", *asked)
    assert content["deleted"] == deleted == len(before) - len(names(kept))
    assert "model.safetensors" in names(kept)
    if asked == ("--older-than", "2"):
        assert not oldest.exists()


def test_choosing_deletes_nothing_and_says_so(kept):
    before = names(kept)
    oldest = next(kept.glob(f"*trace*{SUFFIX}"))
    then = oldest.stat().st_mtime - 3 * 24 * 60 * 60
    os.utime(oldest, (then, then))
    said = run("--trace-dir", str(kept), "--older-than", "2").splitlines()
    assert said[-1] == "These are 1 of 8; nothing was deleted. With --delete too, these would be."
    assert names(kept) == before
    assert "nothing was deleted" not in run("--trace-dir", str(kept))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--model", "nope"), "Nothing is kept of the model 'nope'; there are files of demo."),
        (("--task", "ruler/vt", "--delete"), f"Nothing is kept of the task 'ruler/vt'; there are files of {TASK}."),
    ],
)
def test_a_name_that_nothing_has_is_told(searched, asked, said):
    assert run("--trace-dir", str(searched), *asked).splitlines()[0] == said


def test_where_nothing_is_kept_there_is_no_name_to_tell(tmp_path):
    said = run("--trace-dir", str(tmp_path), "--model", "nope").splitlines()[0]
    assert said == "Nothing is kept of the model 'nope'; there are no files of any model."


def test_what_is_asked_for_also_narrows_the_listing(kept):
    assert [one["kind"] for one in listed(kept, "--model", "demo")["kept"]] == ["prefix", "trace"]
    assert listed(kept, "--task", "ruler/vt")["kept"] == []


def test_a_reader_keeps_the_tensors_of_a_deleted_file(kept):
    from safetensors import safe_open

    path = next(kept.glob(f"*trace*{SUFFIX}"))
    with safe_open(path, framework="pt") as file:
        mapped = file.get_tensor("logits")
    before = mapped.sum().item()
    run("--delete", "--trace-dir", str(kept))
    assert not path.exists()
    assert mapped.sum().item() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--trace-dir", "nowhere"], "--trace-dir 'nowhere' is no folder; name the one that the runs were given."),
        (["--older-than", "-1"], "-1.0 is not in the range x>=0"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["traces", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1 << 10, "1.0 KB"), (3 << 29, "1.5 GB")]
)
def test_sizes(num_bytes, text):
    assert readable_size(num_bytes) == text
