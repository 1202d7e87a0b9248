from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sparse_hub_core import ConfigError, UsageError
from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.results.files import append_line, content_hash, read_json, read_lines, write_json, write_text
from sparse_hub_core.results.schema import RunFile, TrialLine

LINES = [TrialLine(parameters={"ä": number}, status="ok", objective=number / 7) for number in range(4)]


def in_process(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=60)


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    path = tmp_path / "cell" / "trials.jsonl"
    for line in LINES[:3]:
        append_line(path, line)
    return path


def test_lines_come_back(trials):
    assert read_lines(trials, TrialLine) == LINES[:3]
    assert read_lines(trials.with_name("none.jsonl"), TrialLine) == []


@pytest.mark.parametrize("cut", range(2, 60))
def test_a_cut_off_last_line_is_dropped_and_the_next_is_intact(trials, cut):
    content = trials.read_bytes()
    trials.write_bytes(content[:-cut])
    with pytest.warns(UserWarning, match="line 3, is cut off and was dropped"):
        assert read_lines(trials, TrialLine) == LINES[:2]
    append_line(trials, LINES[3])
    with pytest.warns(UserWarning, match="line 3, is cut off"):
        assert read_lines(trials, TrialLine) == [*LINES[:2], LINES[3]]


def test_a_missing_last_newline_loses_nothing(trials):
    trials.write_bytes(trials.read_bytes()[:-1])
    append_line(trials, LINES[3])
    assert read_lines(trials, TrialLine) == LINES


def test_a_line_of_another_version_is_refused(trials):
    record = json.loads(LINES[3].model_dump_json()) | {"schema_version": 2}
    with trials.open("a") as file:
        file.write(json.dumps(record) + "\n")
    with pytest.raises(UsageError, match="line 4, is of another version: schema_version"):
        read_lines(trials, TrialLine)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 9}', "\x00"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="is damaged, or no such file of this version"):
        read_json(path, RunFile)
    with pytest.raises(UsageError, match="No such file or directory"):
        read_json(tmp_path / "none.json", RunFile)


FULL = "No space is left on the device for .*; free some and run the same command again"


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "best.json"
    write_text(path, "old")
    part = tmp_path / f".best.json.{os.getpid()}.part"
    part.symlink_to("/dev/full")
    with pytest.raises(SparseHubError, match=FULL):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["best.json"]


def test_a_full_disk_is_told_when_appending(tmp_path):
    path = tmp_path / "trials.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(SparseHubError, match=FULL):
        append_line(path, LINES[0])


LIMITED = """
import resource, sys
from pathlib import Path
from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.results.files import append_line, write_text
from sparse_hub_core.results.schema import TrialLine
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
path, folder = Path(sys.argv[1]), Path(sys.argv[2])
for write in (
    lambda: append_line(path, TrialLine(parameters={"x": "y" * 2000}, status="ok")),
    lambda: write_text(folder / "best.json", "new" * 2000),
):
    try:
        write()
    except SparseHubError as error:
        print(error)
"""


def test_a_write_that_stops_halfway_leaves_what_was_there(trials, tmp_path):
    write_text(tmp_path / "best.json", "old")
    before = trials.read_bytes()
    result = in_process(LIMITED, trials, tmp_path)
    assert result.stdout.count("cannot be written: File too large; choose a folder") == 2, result.stderr
    assert trials.read_bytes() == before
    assert (tmp_path / "best.json").read_text() == "old"
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (lambda path: write_text(path, "x"), lambda path: append_line(path, LINES[0])):
        with pytest.raises(SparseHubError, match="cannot be written"):
            write(tmp_path / "file" / "trials.jsonl")


def test_nan_does_not_get_into_a_file(tmp_path):
    with pytest.raises(ValueError, match="finite"):
        TrialLine(parameters={}, status="ok", objective=float("nan"))


HASH = """
import sys
from sparse_hub_core.results.files import content_hash
print(content_hash({key: [1, 2.5, None, True, {"é": key}] for key in {"a", "b", "c", "task", "ruler/vt"}}))
"""


def test_a_content_hash_is_the_same_in_every_process():
    digests = {in_process(HASH, PYTHONHASHSEED=seed).stdout for seed in ("0", "1", "4242")}
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
contents = st.dictionaries(st.text(), scalars | st.lists(scalars), max_size=6)


@given(contents)
def test_a_content_hash_survives_json_and_ignores_order(content):
    reordered = dict(reversed(json.loads(json.dumps(content)).items()))
    assert content_hash(reordered) == content_hash(content)


@given(contents, contents)
def test_other_content_has_another_hash(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (content_hash(one) == content_hash(other)) is same


@pytest.mark.parametrize("content", [{"x": float("nan")}, {"x": object()}, {"x": {1, 2}}])
def test_what_json_cannot_hold_has_no_hash(content):
    with pytest.raises((TypeError, ValueError)):
        content_hash(content)


class Small(BaseModel):
    text: str


@given(st.text())
def test_json_files_come_back(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("json") / "small.json"
    write_json(path, Small(text=text))
    assert read_json(path, Small).text == text


def test_a_config_of_unknown_fields_is_refused():
    from sparse_hub_maskers_builtin.sink import SinkMaskerConfig

    with pytest.raises(ConfigError, match="SinkMaskerConfig has no field 'sinksize': did you mean 'sink_size'"):
        SinkMaskerConfig.from_parameters({"sinksize": 3})
