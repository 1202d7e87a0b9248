"""What the columns of a dataset hold: text unless it says otherwise, and a sentence where a row has something else."""

from __future__ import annotations

import json
import re

import pyarrow
import pyarrow.parquet
import pytest

from sparse_hub_core.data.loading import load_rows
from sparse_hub_core.data.source import DataSource, HubDataset
from sparse_hub_core.errors import DataError

BOOKS = HubDataset(
    "org/books", "qa", ("context", "answers", "length"), list_columns=("answers",), other_columns=("length",)
)
ROW = {"context": "c", "answers": ["a"], "length": 3}


def load(folder):
    return load_rows(DataSource("folder", folder), BOOKS, folder)


def refused(folder, index):
    rows = load(folder)
    with pytest.raises(DataError) as caught:
        rows[index]
    sentence = str(caught.value)
    assert sentence.startswith(f"The dataset org/books (qa, test) cannot be loaded from the folder {folder}: row ")
    assert sentence.endswith("; the columns that are needed are those of org/books.")
    return sentence


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answers": "Unanswerable"}, "text in the column 'answers', where a list of texts is"),
        ({"answers": None}, "nothing in the column 'answers', where a list of texts is"),
        ({"answers": {"text": []}}, "an object in the column 'answers', where a list of texts is"),
        ({"answers": ["a", 2]}, "a list with a number in it in the column 'answers', where a list of texts is"),
        ({"answers": ["a", None]}, "a list with nothing in it in the column 'answers', where a list of texts is"),
        ({"context": 5}, "a number in the column 'context', where text is"),
        ({"context": True}, "true or false in the column 'context', where text is"),
        ({"context": ["c"]}, "a list in the column 'context', where text is"),
        ({"context": None}, "nothing in the column 'context', where text is"),
        ({"length": None}, "nothing in the column 'length', where a value is"),
    ],
)
def test_another_type_is_refused_with_its_place(tmp_path, suffix, changes, words):
    (tmp_path / "qa").mkdir()
    (tmp_path / f"qa/a.{suffix}").write_text(json.dumps(ROW))
    (tmp_path / f"qa/b.{suffix}").write_text(f"{json.dumps(ROW)}\n{json.dumps(ROW | changes)}\n")
    assert f"row 2 of {tmp_path}/qa/b.{suffix} has {words} expected" in refused(tmp_path, 2)
    assert dict(load(tmp_path)[1]) == ROW
    assert refused(tmp_path, -1)


@pytest.mark.parametrize("changes", [{}, {"answers": []}, {"length": "3"}, {"length": {"k": [1]}}, {"context": ""}])
def test_what_was_declared_is_read(tmp_path, changes):
    (tmp_path / "qa.jsonl").write_text(json.dumps(ROW | changes))
    assert [dict(row) for row in load(tmp_path)] == [ROW | changes]


def test_lists_have_no_place_in_csv(tmp_path):
    (tmp_path / "qa.csv").write_text("context,answers,length\nc,['a'],3\n")
    assert "qa.csv has text in the column 'answers', where a list of texts is expected" in refused(tmp_path, 0)


def test_each_shard_of_parquet_has_types_of_its_own(tmp_path):
    (tmp_path / "qa").mkdir()
    for index, row in enumerate([ROW | {"length": "3"}, ROW, ROW | {"answers": [7]}]):
        table = pyarrow.Table.from_pylist([row])
        pyarrow.parquet.write_table(table, tmp_path / f"qa/test-0000{index}-of-00003.parquet")
    rows = load(tmp_path)
    assert [rows[0]["length"], rows[1]["length"]] == ["3", 3]
    assert re.search(r"row 1 of .*test-00002-of-00003.parquet has a list with a number in it", refused(tmp_path, 2))
