"""Rows of local folders: every layout that is read, and a sentence for everything that is wrong with one."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace

import pyarrow
import pyarrow.parquet
import pytest

from sparse_hub_core.data.loading import data_identity, load_rows
from sparse_hub_core.data.source import DataSource, HubDataset
from sparse_hub_core.errors import DataError

ROWS = [{"question": "q0", "answer": "NA"}, {"question": "q1", "answer": "x,\ny"}]
OTHER = [{"question": "other", "answer": "z"}]
BOOKS = HubDataset("org/books", "qa", ("question", "answer"))
README = "---\nconfigs:\n- config_name: {name}\n  data_files:\n  - split: test\n    path: {path}\n---\n# Books\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    import socket

    def refuse(*_):
        raise AssertionError("a local folder needs no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def write(path, rows=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".json":
            path.write_text(json.dumps(rows, indent=1))
        case ".parquet":
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        case ".csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)
        case _:
            path.write_text(rows)


def load(folder, dataset=BOOKS, kind="folder"):
    rows = load_rows(DataSource(kind, folder), dataset, folder)
    return [dict(rows[index]) for index in range(len(rows))]


def identity(folder, dataset=BOOKS, kind="folder"):
    return data_identity(DataSource(kind, folder), dataset, folder)


@pytest.mark.parametrize("kind", ["folder", "sample"])
@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet", "csv"])
@pytest.mark.parametrize("place", ["qa.{}", "data/qa.{}", "qa/test.{}", "qa/any_name.{}", "qa/test-00000-of-00001.{}"])
def test_files_of_the_name_are_read(tmp_path, place, suffix, kind):
    write(tmp_path / place.format(suffix))
    write(tmp_path / f"qb.{suffix}", OTHER)
    assert load(tmp_path, kind=kind) == ROWS


@pytest.mark.parametrize(
    ("files", "dataset"),
    [
        (("qa/test-0.jsonl", "qa/train-0.jsonl"), {}),
        (("qa/validation/0.jsonl", "qa/test/0.jsonl"), {"split": "validation"}),
        (("qa/dev.jsonl", "qa/test.jsonl"), {"split": "validation"}),
        (("qa/part_two.jsonl", "qa/part_one.jsonl"), {"split": "part_two"}),
        (("hub_name.jsonl", "other.jsonl"), {"hub_config": "hub_name"}),
        (("data/train-0.jsonl", "data/test-0.jsonl"), {"hub_config": "", "split": "train"}),
        (("problems.jsonl",), {"hub_config": ""}),
        (("deep/x.jsonl", "qa.jsonl"), {"data_files": ("deep/*.jsonl",)}),
        (("deep/a/b/x.jsonl", "deep/x.json"), {"data_files": ("deep/**/x.jsonl",)}),
        (("x/test-0.jsonl", "qa.jsonl", README.format(name="qa", path="x/test-*")), {}),
        (("x/0.jsonl", "qb.jsonl", README.format(name="any", path="x/*")), {"hub_config": ""}),
        (("qa.jsonl", "x/0.jsonl", README.format(name="else", path="x/*")), {}),
        (("qa.jsonl", "qb.jsonl", "# No head"), {}),
    ],
)
def test_the_first_file_is_the_one_that_is_meant(tmp_path, files, dataset):
    for index, name in enumerate(files):
        if name.endswith(".jsonl"):
            write(tmp_path / name, ROWS if index == 0 else OTHER)
        elif not name.endswith(".json"):
            (tmp_path / "README.md").write_text(name)
    assert load(tmp_path, HubDataset(**(vars(BOOKS) | dataset))) == ROWS


def test_shards_are_read_in_order_and_rows_keep_their_json(tmp_path):
    rows = [{"question": 1, "answer": "2020-01-01", "more": {"k": [None]}}, {"question": "x", "answer": ["a", 2]}]
    write(tmp_path / "qa" / "test-00001-of-00002.jsonl", rows[1:])
    write(tmp_path / "qa" / "test-00000-of-00002.jsonl", rows[:1])
    books = replace(BOOKS, other_columns=BOOKS.columns)
    assert load(tmp_path, books) == [rows[0], rows[1] | {"more": None}]
    rows = load_rows(DataSource("folder", tmp_path), books, tmp_path)
    assert rows[-1]["question"] == "x"
    with pytest.raises(IndexError, match="There is no row 2; there are 2"):
        rows[2]


def test_a_byte_order_mark_and_blank_lines_are_no_rows(tmp_path):
    (tmp_path / "qa.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS[0]).encode() + b"\r\n\n" + b'{"answer": "1"}')
    assert load(tmp_path, replace(BOOKS, columns=("answer",))) == [ROWS[0], {"question": None, "answer": "1"}]


def test_a_cell_of_csv_is_the_text_that_stands_there(tmp_path):
    rows = [
        {"question": "007", "answer": ""},
        {"question": "1.0", "answer": "null"},
        {"question": "x" * 200_000, "answer": "\n"},
    ]
    write(tmp_path / "qa.csv", rows)
    limit = csv.field_size_limit()
    assert load(tmp_path) == rows
    assert csv.field_size_limit() == limit


def test_a_whole_character_may_be_written_in_halves(tmp_path):
    (tmp_path / "qa.jsonl").write_text('{"question": "\\ud83d\\ude00", "answer": "\\\\ud800"}')
    assert load(tmp_path) == [{"question": "\U0001f600", "answer": "\\ud800"}]


def test_the_identity_is_that_of_the_content_that_is_read(tmp_path):
    write(tmp_path / "a" / "qa.jsonl")
    write(tmp_path / "a" / "qb.jsonl")
    before = identity(tmp_path / "a")
    assert before.startswith("folder qa ")
    assert identity(tmp_path / "a", kind="sample") == before.replace("folder qa", "sample")
    shutil.copytree(tmp_path / "a", tmp_path / "moved")
    write(tmp_path / "a" / "qb.jsonl", OTHER)
    assert identity(tmp_path / "a") == identity(tmp_path / "moved") == before
    rows = load_rows(DataSource("folder", tmp_path / "a"), BOOKS, tmp_path)
    write(tmp_path / "a" / "qa.jsonl", ROWS[::-1])
    assert identity(tmp_path / "a") != before
    assert load(tmp_path / "a") == ROWS[::-1]
    with pytest.raises(DataError, match="was changed while it was in use; run the same command again"):
        rows[0]


def test_nothing_is_written_and_nothing_is_said(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    write(tmp_path / "folder" / "qa" / "test.parquet")
    write(tmp_path / "folder" / "README.md", "# Books")
    before = sorted(tmp_path.rglob("*"))
    load(tmp_path / "folder")
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


GOOD = json.dumps(ROWS[0]).encode()


def not_utf8():
    texts = pyarrow.array([b"\xff"]).view(pyarrow.string())
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"question": texts, "answer": texts}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "it has no data for 'qa'; it has no .jsonl, .json, .parquet or .csv file; put qa.jsonl, .json"),
        ({"qb.jsonl": GOOD}, "it has no data for 'qa'; it has qb.jsonl; put qa.jsonl"),
        ({"qa/train.jsonl": GOOD, "qa/dev.jsonl": GOOD}, "it has no split 'test'; it has train, validation; put"),
        ({"qa.jsonl": b""}, "qa.jsonl is empty, 0 bytes; copy or download it again"),
        ({"qa.jsonl": b"\n\n"}, "qa.jsonl holds no rows; put"),
        ({"qa.json": b"[]"}, "qa.json holds no rows; put"),
        ({"qa.csv": b"question,answer\n"}, "qa.csv holds no rows; put"),
        ({"qa.jsonl": GOOD + b"\n" + GOOD[:-5]}, "qa.jsonl is cut off in the middle of line 2 (.*); copy or download"),
        ({"qa.jsonl": GOOD + b"\nno\n" + GOOD}, "line 2 of .*qa.jsonl is no JSON (.*); copy or download it again"),
        ({"qa.jsonl": b"[1, 2]\n"}, "entry 1 of the list in .*qa.jsonl is no JSON object; write one object per"),
        ({"qa.jsonl": GOOD + b"\n3\n"}, "line 2 of .*qa.jsonl is no JSON object; write one object per line, or"),
        ({"qa.jsonl": b"[" * 100_000}, "qa.jsonl is cut off or damaged (.*); copy"),
        ({"qa.jsonl": b"\xff\xfe\x00"}, "qa.jsonl is cut off in the middle of line 1 (.*utf-8.*); copy"),
        ({"qa.json": b"[" + GOOD}, "qa.json is cut off or damaged (.*); copy"),
        ({"qa.parquet": b"PAR1 no"}, "qa.parquet cannot be read (.*); copy or download it again"),
        ({"qa.csv": b'question,answer\n"x'}, "line 2 of .*qa.csv cannot be read (unexpected end of data); copy"),
        ({"qa.csv": b"question,answer\n1,2\n1,2,3\n"}, "line 3 of .*qa.csv has 3 cells, where the first line names 2"),
        (
            {"qa.csv": b"question,answer\n1,2,3\n"},
            "line 2 of .*qa.csv has 3 cells, where the first line names 2 columns",
        ),
        (
            {"qa.csv": b'question,answer\n"a\nb",2\n1\n'},
            "line 4 of .*qa.csv has 1 cells, .*; put cells that hold a comma",
        ),
        ({"qa.csv": b"question,answer\n1,\xff\n"}, "qa.csv cannot be read (.*utf-8.*); copy"),
        ({"qa.json": json.dumps(ROWS[0], indent=1).encode()}, "line 1 of .*qa.json begins an object that goes on in"),
        ({"qa.jsonl": GOOD + b'\n{"question": 1,\n"x": 2}'}, "line 2 of .* goes on in the next line; write one object"),
        (
            {"qa.jsonl": GOOD + b'\n{"answer": ["\\ud800"]}'},
            'line 2 of .*qa.jsonl has half a character, "\\ud800", which is',
        ),
        ({"qa.json": b'[{"\\uDFFF": 1}]'}, "entry 1 of the list in .*qa.json has half a character"),
        ({"qa.parquet": not_utf8()}, "qa.parquet cannot be read (.*UTF8.*); copy"),
        ({"qa.jsonl": LFS}, "qa.jsonl is a pointer of git-lfs and not the file; run `git lfs pull` in its folder"),
        ({"qa.jsonl": b'{"question": 1, "x": 2}'}, "the columns answer are missing; it has question, x; the columns"),
        ({"qa/t-00001-of-00003.jsonl": GOOD}, "it is half downloaded: qa/t-00000-of-00003.jsonl is missing (1 of 3"),
        (
            {".cache/huggingface/download/qa.jsonl.0a.incomplete": GOOD},
            "a download into it was interrupted; run `hf download --repo-type dataset org/books --local-dir .*` again",
        ),
        ({"README.md": b"---\nconfigs: [\n---\n", "qb.jsonl": GOOD}, "the head of its README.md is damaged"),
        ({"README.md": b"---\nconfigs: 3\n---\n"}, "the configs in the head of its README.md are no list of mappings"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_one_sentence(tmp_path, files, words):
    import re

    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    sentence = str(caught.value)
    assert sentence.startswith(f"The dataset org/books (qa, test) cannot be loaded from the folder {tmp_path}: ")
    assert re.search(re.escape(words).replace(r"\.\*", ".*"), sentence), sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_a_folder_that_is_gone_is_said(tmp_path):
    with pytest.raises(DataError, match=r"No such file or directory.*; check the path"):
        identity(tmp_path / "none")


@pytest.mark.parametrize(
    ("folder", "words"), [("", "it has no data for 'qa'"), ("none", "the package lacks this folder")]
)
def test_a_sample_that_is_not_there_is_the_fault_of_its_package(tmp_path, folder, words):
    with pytest.raises(
        DataError, match=rf"its offline sample in .*{words}.*; leave out @sample, or install the package"
    ):
        load(tmp_path / folder, kind="sample")
