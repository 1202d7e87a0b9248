from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sparse_hub_core import UsageError
from sparse_hub_core.results.best import load_masker_configs, masker_records
from sparse_hub_core.results.files import append_line, write_json
from sparse_hub_core.results.run_directory import RunDirectory, path_part
from sparse_hub_core.results.schema import Best, TrialLine
from sparse_hub_maskers_builtin.local import LocalMaskerConfig
from sparse_hub_maskers_builtin.sink import SinkMaskerConfig

HOLD = """
import sys, time
from pathlib import Path
from sparse_hub_core.results.run_directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    time.sleep(60)
"""
BEST = {
    "cell_identity": "x",
    "model": "demo",
    "model_source": "demo",
    "model_revision": None,
    "task": "ruler/vt",
    "preset": "local_sink",
    "parameters": {},
    "objective_name": "default",
    "objective": 0.1,
    "error": 0.1,
    "density": 0.1,
    "search_settings": {},
    "validation_settings": {},
    "seed": 0,
    "device": "cpu",
    "dtype": "float32",
    "versions": {},
}


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "locked\n"
        with (
            pytest.raises(UsageError, match=f"Another run \\(process {holder.pid}\\) is writing to"),
            RunDirectory(tmp_path).locked(),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
    with RunDirectory(tmp_path).locked():
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_the_same_identity_is_resumed(tmp_path):
    cell = RunDirectory(tmp_path).cell("demo", "ruler/vt", "local_sink")
    identity = cell.open({"seed": 1, "task": "ruler/vt"})
    append_line(cell.trials, TrialLine(parameters={}, status="ok"))
    assert cell.open({"task": "ruler/vt", "seed": 1}) == identity
    assert len(cell.read_trials()) == 1


def test_results_of_another_identity_are_moved_aside_and_come_back(tmp_path):
    cell = RunDirectory(tmp_path).cell("demo", "ruler/vt", "local_sink")
    first = cell.open({"seed": 1})
    append_line(cell.trials, TrialLine(parameters={}, status="ok"))
    second = cell.open({"seed": 2})
    assert second != first
    assert cell.read_trials() == []
    aside = cell.path.with_name(f"local_sink.{first[:8]}")
    assert (aside / "trials.jsonl").exists()

    cell.open({"seed": 1})
    assert len(cell.read_trials()) == 1
    assert not aside.exists()
    assert cell.path.with_name(f"local_sink.{second[:8]}").exists()


def test_results_that_were_moved_aside_are_known_and_come_back_after_a_kill(tmp_path):
    cell = RunDirectory(tmp_path).cell("demo", "ruler/vt", "local_sink")
    first = cell.open({"seed": 1})
    append_line(cell.trials, TrialLine(parameters={}, status="ok"))
    cell.best.write_text("{}")
    second = cell.open({"seed": 2})
    assert cell.found(first).status() == "searched"
    assert cell.found("0" * 64) is None
    # The state between the two renames.
    cell.path.rename(cell.path.with_name(f"local_sink.{second[:8]}"))
    assert cell.open({"seed": 1}) == first
    assert len(cell.read_trials()) == 1


def test_a_cell_with_several_winners_is_done_when_all_are_judged(tmp_path):
    cell = RunDirectory(tmp_path).cell("demo", "ruler/vt", "local_sink")
    cell.open({"densities": [0.05, 0.2]})
    winners = [cell.target(name) for name in ("density-5", "density-20")]
    states = [cell.status()]
    for path in (winners[0].best, winners[1].best, winners[0].validation, winners[1].validation):
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        states.append(cell.status())
    assert states == ["new", "searched", "searched", "searched", "done"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("ruler/niah_multikey_2", "ruler__niah_multikey_2"),
        ("org/model@main", "org__model@main"),
        ("/a/b", "a__b"),
        ("alpha:sink local", "alpha-sink-local"),
        ("../../etc", "..__..__etc"),
    ],
)
def test_a_name_is_one_folder(name, part):
    assert path_part(name) == part
    assert len(Path(path_part(name)).parts) == 1


@pytest.mark.parametrize("name", [".", "..", "", "/"])
def test_a_name_never_leads_out_of_the_run(name, tmp_path):
    run = RunDirectory(tmp_path / "run")
    assert run.cell(name, name, name).path.resolve().relative_to(run.path.resolve()).parts


def test_a_best_file_gives_its_configs_back(tmp_path):
    from sparse_hub_core.plugins import load_registry

    configs = [LocalMaskerConfig(window_size=0.25), SinkMaskerConfig(sink_size=4)]
    records = masker_records(load_registry(), configs)
    assert [record.masker for record in records] == ["local", "sink"]
    write_json(tmp_path / "best.json", Best(maskers=records, **BEST))
    assert load_masker_configs(tmp_path / "best.json") == configs


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"masker": "snik", "parameters": {}}, "Unknown masker 'snik': did you mean 'sink'"),
        ({"masker": "sink", "parameters": {"sink_size": 0}}, "SinkMaskerConfig.sink_size = 0 is out of range"),
        ({"masker": "sink", "parameters": {"size": 4}}, "has no field 'size'"),
    ],
)
def test_a_best_file_that_does_not_fit_says_why(tmp_path, record, message):
    write_json(tmp_path / "best.json", Best(maskers=[record], **BEST))
    with pytest.raises(UsageError, match=message):
        load_masker_configs(tmp_path / "best.json")
