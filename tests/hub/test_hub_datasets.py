"""Rows of datasets through the real clients and the real protocol, from a hub on loopback."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

ROWS = [{"question": f"q{index}", "answer": f"a{index}"} for index in range(4)]
OTHER = [{"question": "new", "answer": "2020-01-01"}]
README = b"""---
configs:
- config_name: qa
  data_files:
  - split: test
    path: qa/test-*
  - split: train
    path: qa/train-*
- config_name: cloze
  data_files: cloze.jsonl
---
"""


def lines(rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(rows) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def books(rows=ROWS) -> dict[str, bytes]:
    return {
        "README.md": README,
        "qa/test-00000-of-00002.parquet": parquet(rows[:1]),
        "qa/test-00001-of-00002.parquet": parquet(rows[1:]),
        "qa/train-00000-of-00001.parquet": parquet(OTHER),
        "cloze.jsonl": lines(OTHER),
    }


def rows(**dataset) -> dict:
    return {"do": "rows", "dataset": dataset}


def identity(**dataset) -> dict:
    return {"do": "identity", "dataset": dataset}


def test_configurations_splits_and_revisions_load_once(hub, client):
    first = hub.publish("dataset", "org/books", books())
    found = client.run(
        rows(), rows(split="train"), rows(config="x", hub_config="cloze"), identity(), rows(revision=first)
    )
    assert found == [
        {"value": ROWS},
        {"value": OTHER},
        {"value": OTHER},
        {"value": f"hub org/books@{first}"},
        {"value": ROWS},
    ]
    assert hub.downloads("qa/test-00000-of-00002.parquet") == [None]
    second = hub.publish("dataset", "org/books", books(OTHER * 2))
    hub.asked.clear()
    found = client.run(rows(revision=first), identity(revision=first), identity(), {**rows(), "revision": first})
    identities = [{"value": f"hub org/books@{commit}"} for commit in (first, second)]
    assert found == [{"value": ROWS}, *identities, {"value": ROWS}]
    assert not hub.downloads("qa/test-00000-of-00002.parquet")


def test_what_was_loaded_is_there_without_a_network(hub, client):
    commit = hub.publish("dataset", "org/books", books())
    hub.publish("dataset", "org/lines", {"qa.jsonl": lines(ROWS)})
    jobs = [rows(), identity(), rows(revision=commit), rows(repository="org/lines")]
    expected = [{"value": ROWS}, {"value": f"hub org/books@{commit}"}, {"value": ROWS}, {"value": ROWS}]
    assert client.run(*jobs) == expected
    hub.asked.clear()
    *offline, new, other_split = client.run(*jobs, rows(repository="org/new"), rows(split="train"), HF_HUB_OFFLINE="1")
    assert offline == expected
    assert not hub.asked
    for missing, name in ((new, "org/new"), (other_split, "org/books")):
        assert "HF_HUB_OFFLINE=1 is set" in missing["error"]
        assert f"hf download --repo-type dataset {name} --revision main --local-dir DIR" in missing["error"]
        assert "--data-folder BENCHMARK=DIR" in missing["error"]
        assert "BENCHMARK/SUBSET@sample" in missing["error"]
    hub.status = 503
    assert client.run(*jobs) == expected


def test_a_hub_that_cannot_be_reached_is_noticed_at_once(hub, client):
    jobs = [job(revision=revision) for job in (rows, identity) for revision in ("main", "a" * 40)]
    start = time.monotonic()
    for result in client.run(*jobs, HF_ENDPOINT="http://127.0.0.1:9"):
        assert result["kind"] == "DataError"
        assert "http://127.0.0.1:9 cannot be reached ([Errno 111] Connection refused)" in result["error"]
        assert "hf download --repo-type dataset org/books --revision" in result["error"]
    assert time.monotonic() - start < 15


def test_what_is_found_out_of_a_repository_is_shared(hub, client):
    """One that cannot be had, too; and without sharing, a failure is not remembered."""
    commit = hub.publish("dataset", "org/books", books())
    both = [identity(), identity(config="cloze"), identity(revision=commit)]
    assert client.run(*[{**job, "shares": True} for job in both]) == [{"value": f"hub org/books@{commit}"}] * 3
    lookups = [path for _, path, _ in hub.asked if path.startswith("/api/")]
    assert len(lookups) == len(set(lookups))
    hub.status = 503
    counts = []
    for jobs in (both[:1], [{**job, "shares": True} for job in both[:2]], both[:2]):
        hub.asked.clear()
        home = str(client.home / str(len(counts)))
        assert all("cannot be loaded from the hub" in result["error"] for result in client.run(*jobs, HF_HOME=home))
        counts.append(len(hub.asked))
    assert counts == [counts[0], counts[0], 2 * counts[0]]


def test_what_is_missing_is_named(hub, client):
    hub.publish("dataset", "org/books", books())
    hub.publish("dataset", "org/private", books(), token="secret", is_private=True)
    hub.publish("dataset", "org/bare", {"script.py": b"raise SystemExit"})
    half = books()
    del half["qa/test-00001-of-00002.parquet"]
    hub.publish("dataset", "org/half", half)
    hub.publish("dataset", "org/empty", books() | {"cloze.jsonl": b"\n"})
    hub.publish("dataset", "org/cut", books() | {"cloze.jsonl": lines(ROWS)[:-9]})
    cloze = {"config": "cloze"}
    cases = [
        (rows(repository="org/none"), "has no dataset 'org/none', or it is private; check the id"),
        (rows(repository="org/private"), "has no dataset 'org/private', or it is private"),
        (rows(revision="v2"), "it has no revision 'v2'; name a branch, tag or commit"),
        (rows(config="qb"), "it has no configuration 'qb'; it has qa, cloze;"),
        (rows(split="dev"), "it has no split 'dev'; it has test, train;"),
        (rows(data_files=("no.jsonl",)), "it lacks the file no.jsonl; it has cloze.jsonl, qa/test-00000"),
        (rows(columns=("question", "context")), "the columns context are missing; it has question, answer;"),
        (rows(repository="org/bare"), "it has no data for 'qa'; it has no .jsonl, .json, .parquet or .csv file;"),
        (rows(repository="org/half"), "it is half downloaded: qa/test-00001-of-00002.parquet is missing"),
        (rows(repository="org/empty", **cloze), "cloze.jsonl holds no rows; look at what there is at"),
        (rows(repository="org/cut", **cloze), "cut off in the middle of line 4"),
    ]
    for (job, words), result in zip(cases, client.run(*[job for job, _ in cases]), strict=True):
        assert words in result["error"]
        assert result["error"].startswith(f"The dataset {job['dataset'].get('repository', 'org/books')} (")
        assert result["kind"] == "DataError"


def test_a_gated_dataset_says_where_to_ask_and_opens_with_the_token(hub, client):
    hub.publish("dataset", "org/books", books(), token="secret")
    for token, words in (("", "no token was sent"), ("wrong", "the token of this machine has no access to it")):
        for result in client.run(rows(), identity(), HF_TOKEN=token):
            assert f"it is gated, and {words}; ask for access at {hub.url}/datasets/org/books" in result["error"]
            assert "`hf auth login`" in result["error"]
    assert client.run(rows(), identity(), HF_TOKEN="secret")[0] == {"value": ROWS}


def test_a_small_download_that_is_cut_starts_again_and_a_large_one_goes_on(hub, client):
    large = [{"question": "q", "answer": "x" * (12 << 20)}]
    hub.publish("dataset", "org/books", {"qa.jsonl": lines(ROWS), "cloze.jsonl": lines(large)})
    hub.cuts.update({"qa.jsonl": [20], "cloze.jsonl": [11 << 20]})
    small, big = client.run(rows(), rows(config="cloze"))
    assert (small, big) == ({"value": ROWS}, {"value": large})
    assert hub.downloads("qa.jsonl") == [None, None]
    assert hub.downloads("cloze.jsonl") == [None, f"bytes={10 << 20}-"]


def test_an_interrupted_download_says_that_the_same_command_goes_on(hub, client):
    hub.publish("dataset", "org/books", books())
    hub.cuts["qa/test-00001-of-00002.parquet"] = [20]
    hub.resets = True
    failed, again = client.run(rows(), rows())
    assert "the download was interrupted" in failed["error"]
    assert failed["error"].endswith("the same command again goes on with what is missing.")
    assert again == {"value": ROWS}
    assert hub.downloads("qa/test-00000-of-00002.parquet") == [None]


def test_a_process_that_is_killed_in_a_download_leaves_nothing_broken(hub, client):
    hub.publish("dataset", "org/books", books())
    hub.cuts["qa/test-00001-of-00002.parquet"] = [20]
    hub.hung = threading.Event()
    process = client.start(rows())
    deadline = time.monotonic() + 60
    while not hub.downloads("qa/test-00001-of-00002.parquet") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    hub.hung.set()
    [cut_off] = client.run(rows(), HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE=1 is set, and the local cache does not hold all of it" in cut_off["error"]
    assert client.one("rows") == {"value": ROWS}
    assert hub.downloads("qa/test-00000-of-00002.parquet") == [None]


@pytest.mark.parametrize("how", ["folder", "cache"])
def test_what_hf_download_made_works_as_it_is(how, hub, client, tmp_path):
    import subprocess
    import sys

    hub.publish("dataset", "org/books", books())
    program = Path(sys.executable).parent / "hf"
    command = [str(program), "download", "--repo-type", "dataset", "org/books"]
    local = ["--local-dir", str(tmp_path / "books")] if how == "folder" else []
    subprocess.run([*command, *local], env=client.variables(), check=True, capture_output=True)
    place = {"folder": str(tmp_path / "books")} if how == "folder" else {}
    first, second = client.run({**rows(), **place}, {**rows(config="cloze"), **place}, HF_HUB_OFFLINE="1")
    assert (first, second) == ({"value": ROWS}, {"value": OTHER})
