"""Files under content keys: written once, evicted oldest first, and nobody else's are touched."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from sparse_hub_core.models import tensor_store
from sparse_hub_core.models.stored_files import SCHEMA_VERSION, SUFFIX, stored_files
from sparse_hub_core.models.tensor_store import TensorStore

SIZE = 4 * 1000


def put(store, *keys):
    return [store.put(key, {"x": torch.full((1000,), float(len(key)))}, {"kind": "prefix"}) for key in keys]


def keys_of(directory):
    return sorted(file.path.name.removesuffix(f"-{SCHEMA_VERSION}{SUFFIX}") for file in stored_files(directory))


def age(store, key, seconds):
    then = store.started - seconds
    os.utime(store.path(key), (then, then))


def test_another_instance_finds_what_was_put(tmp_path):
    assert TensorStore(tmp_path).put("key", {"x": torch.arange(6.0)[::2]}, {"tokens": [1, 2], "softcap": None})
    found = TensorStore(tmp_path).get("key")
    assert found.tensors["x"].tolist() == [0.0, 2.0, 4.0]
    assert found.header == {"tokens": [1, 2], "softcap": None}
    assert TensorStore(tmp_path).get("other") is None


def test_the_least_recently_used_make_room(tmp_path):
    old = TensorStore(tmp_path)
    put(old, "a", "b", "c")
    for seconds, key in enumerate(("b", "c", "a"), start=1):
        age(old, key, 10 * seconds)
    new = TensorStore(tmp_path, max_bytes=int(3.5 * SIZE))
    assert new.get("a") is not None
    assert put(new, "d") == [True]
    assert keys_of(tmp_path) == ["a", "b", "d"]


def test_what_a_run_uses_is_not_evicted_until_it_begins_with_other_work(tmp_path):
    store = TensorStore(tmp_path, max_bytes=int(2.5 * SIZE))
    assert put(store, "a", "b", "c") == [True, True, False]
    store.begin()
    assert store.opened == {}
    assert put(store, "c", "d", "e") == [True, True, False]
    assert keys_of(tmp_path) == ["c", "d"]


def test_files_of_earlier_runs_also_make_room_on_a_full_disk(tmp_path, monkeypatch):
    old = TensorStore(tmp_path)
    put(old, "a")
    age(old, "a", 10)
    monkeypatch.setattr(tensor_store, "KEPT_FREE", 0.0)
    new = TensorStore(tmp_path)
    assert put(new, "b") == [False]
    assert keys_of(tmp_path) == []


def test_the_room_is_what_is_free_and_what_is_held(tmp_path):
    assert TensorStore(tmp_path, max_bytes=123).room() == 123
    unlimited = TensorStore(tmp_path, max_bytes=1 << 60)
    assert SIZE < unlimited.room() < 1 << 60


def test_what_a_run_writes_does_not_change_what_it_has_room_for(tmp_path, monkeypatch):
    free = {"bytes": 100 * SIZE}
    monkeypatch.setattr(tensor_store.shutil, "disk_usage", lambda path: SimpleNamespace(free=free["bytes"]))
    store = TensorStore(tmp_path, max_bytes=1 << 60)
    before = store.room()
    put(store, "a")
    free["bytes"] -= sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    assert TensorStore(tmp_path, max_bytes=1 << 60).room() == before


def test_files_that_are_not_the_stores_are_left_alone(tmp_path):
    theirs = ["model.safetensors", "model-00001-of-00002.safetensors", "notes.part", "answers", "locks"]
    for name in theirs[:3]:
        (tmp_path / name).write_bytes(b"x" * SIZE)
    for name in theirs[3:]:
        (tmp_path / name).mkdir()
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    store = TensorStore(tmp_path, max_bytes=int(1.5 * SIZE))
    assert put(store, "a") == [True]
    store.begin()
    assert put(store, "b") == [True]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*theirs, store.path("b").name])
    assert keys_of(tmp_path) == ["b"]


def test_what_a_killed_process_left_half_written_is_deleted(tmp_path):
    store = TensorStore(tmp_path)
    part = store.path("a").with_suffix(".1.part")
    part.write_bytes(b"x")
    os.utime(part, (0, 0))
    assert [file.state for file in stored_files(tmp_path)] == ["cut off"]
    assert store.get("a") is None
    put(store, "b")
    assert not part.exists()


def test_states_of_files(tmp_path):
    store = TensorStore(tmp_path)
    put(store, "good", "short", "empty", "endless")
    short = store.path("short")
    short.write_bytes(short.read_bytes()[:-1])
    store.path("empty").write_bytes(b"")
    store.path("endless").write_bytes(struct.pack("<Q", 1 << 62))
    store.path("good").with_name(f"good-{SCHEMA_VERSION - 1}{SUFFIX}").write_bytes(b"old")
    states = {file.path.name.split("-")[0] + file.state: file.header for file in stored_files(tmp_path)}
    assert states.pop("goodusable") == {"kind": "prefix"}
    assert states == {"goodother version": {}, "shortdamaged": {}, "emptydamaged": {}, "endlessdamaged": {}}
    assert all(TensorStore(tmp_path).get(key) is None for key in ("short", "empty", "endless"))


@pytest.mark.parametrize("metadata", [None, {"other": "1"}, {"sparse_hub": "{"}])
def test_a_header_of_another_kind_counts_as_damage(tmp_path, metadata):
    from safetensors.torch import save_file

    store = TensorStore(tmp_path)
    save_file({"x": torch.zeros(2)}, store.path("a"), metadata=metadata)
    assert store.get("a") is None
    assert [file.state for file in stored_files(tmp_path)] == ["damaged"]
    assert put(store, "a") == [True]
    assert store.get("a") is not None


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert stored_files(tmp_path / "none") == []


MAKER = """
import sys, time, torch
from pathlib import Path
from sparse_hub_core.models.tensor_store import TensorStore

store = TensorStore(Path(sys.argv[1]))
with store.making("key"):
    if store.get("key") is None:
        time.sleep(0.5)
        print("made")
        store.put("key", {"x": torch.zeros(3)}, {})
"""


def test_of_two_processes_one_makes_a_file(tmp_path):
    command = [sys.executable, "-c", MAKER, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate(timeout=120)[0] for process in both) == ["", "made\n"]
    assert [process.returncode for process in both] == [0, 0]
    assert keys_of(tmp_path) == ["key"]
