"""Where a task's rows come from: its sample, its own folder, its folder below the root, or the hub."""

from dataclasses import replace

import pytest

from sparse_hub_core.data.choice import check_folders, choose_data
from sparse_hub_core.data.source import hub_commit, hub_identity
from sparse_hub_core.errors import UsageError
from sparse_hub_core.lookup import Task
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import BenchmarkEntry, Provenance, Subset
from sparse_hub_core.spec import DataSettings

ORIGIN = Provenance("p", "d", "1")


def task(generated=False, is_sample=False):
    subset = Subset("qa", "f1", generated=generated)
    return Task("books", BenchmarkEntry("books", "m:C", "s", ORIGIN, (subset,)), subset, is_sample)


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "root" / "books").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "about", "kind", "folder"),
    [
        ({}, {}, "hub", None),
        ({"root": "root"}, {}, "folder", "root/books"),
        ({"folder": {"d:books": "own"}}, {}, "folder", "own"),
        ({"folder": {"other:books": "own"}}, {}, "hub", None),
        ({"root": "root", "folder": {"books": "own"}}, {}, "folder", "own"),
        ({"folder": {"books": "own"}}, {"is_sample": True}, "sample", None),
        ({"root": "empty"}, {"generated": True}, "hub", None),
        ({"folder": {"books": "own"}}, {"generated": True}, "folder", "own"),
    ],
)
def test_the_nearest_setting_decides(folders, monkeypatch, settings, about, kind, folder):
    monkeypatch.chdir(folders)
    found = choose_data(DataSettings(**settings), task(**about))
    assert (found.kind, found.folder and str(found.folder)) == (kind, folder)


def test_a_folder_named_plainly_serves_a_benchmark_of_a_distribution(folders):
    found = replace(task(), benchmark="d:books")
    assert choose_data(DataSettings(folder={"books": str(folders / "own")}), found).kind == "folder"


def test_a_root_without_the_benchmark_is_told(folders):
    with pytest.raises(
        UsageError, match=r"has no folder 'books' for books/qa; .*--data-folder books=DIR.*books/qa@sample"
    ):
        choose_data(DataSettings(root=str(folders / "empty")), task())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"folder": {"rulr": "own"}}, "unknown benchmark, 'rulr': did you mean 'ruler'"),
        ({"sample": True, "root": "own"}, "leave it out, or --data-folder and --data-root"),
        ({"folder": {"ruler": ""}}, "The folder '' of --data-folder ruler is not there"),
        ({"root": ""}, "The folder '' of --data-root is not there"),
        ({"folder": {"ruler": "nowhere"}}, "The folder nowhere of --data-folder ruler is not there"),
        ({"root": "nowhere"}, "The folder nowhere of --data-root is not there"),
    ],
)
def test_folders_that_make_no_sense_are_told(folders, monkeypatch, settings, sentence):
    monkeypatch.chdir(folders)
    with pytest.raises(UsageError, match=sentence):
        check_folders(DataSettings(**settings), load_registry())


def test_a_commit_is_found_again_in_what_results_say():
    assert hub_commit(hub_identity("organisation/name", "0a1b")) == "0a1b"
    assert hub_commit(hub_identity("organisation/name", "0a1b") + " scored by me@home") == "0a1b"
    assert hub_commit("folder data@home 12ab") is None
