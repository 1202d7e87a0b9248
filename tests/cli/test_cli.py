from __future__ import annotations

import errno
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from sparse_hub_core.cli import main as main_module
from sparse_hub_core.cli.main import COMMANDS, main
from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.models.stored_files import SUFFIX

LISTS = [name for name in COMMANDS if name.startswith("list-")]


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Runs the program in this process, where no runs are, and returns its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call_main(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call_main


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(call, command):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: sparse-hub {command}" in out


@pytest.mark.parametrize("command", [*LISTS, "plugins"])
def test_json_has_what_every_list_has(call, command):
    code, out, _ = call(command, "--json")
    records = json.loads(out)
    assert code == 0
    assert records
    wanted = {"name", "distribution"} | ({"version", "status", "error"} if command == "plugins" else {"summary"})
    for record in records:
        assert wanted <= set(record)


def test_json_has_what_presets_and_benchmarks_add(call):
    presets = {record["name"]: record for record in json.loads(call("list-presets", "--json")[1])}
    assert presets["dense"]["maskers"] == []
    assert presets["local_sink"]["maskers"] == ["local", "sink"]
    tasks = {record["task"]: record for record in json.loads(call("list-benchmarks", "--json")[1])}
    assert tasks["ruler/vt"]["metric"] == "string_match_all"
    assert tasks["ruler/vt"]["higher_is_better"] is True


@pytest.mark.parametrize("command", [*LISTS, "plugins"])
def test_a_list_is_a_line_per_record(call, command):
    records = json.loads(call(command, "--json")[1])
    lines = call(command)[1].splitlines()
    assert len(lines) == len(records) + 1
    assert lines[0].startswith(("name", "task"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list-preset"], "There is no command 'list-preset': did you mean 'list-presets'"),
        (["plugins", "--jsno"], "No such option '--jsno'"),
        (["describe"], "Missing argument 'NAME'"),
        (["describe", "snik"], "Unknown name 'snik': did you mean 'sink'"),
        (["describe", "ruler/vtt"], "'ruler' has no subset 'vtt': did you mean 'vt'"),
        (["describe", "rulr/vt"], "Unknown name 'rulr/vt'"),
        (["show", "nowhere"], "There is no run 'nowhere', nor any other in runs; name a run's folder."),
        (["report", "nowhere"], "There is no run 'nowhere', nor any other in runs; name a run's folder."),
        (["run", "--num-samples", "0"], "--num-samples = 0 is wrong"),
        (["run", "--num-samples", "many"], "Invalid value for '--num-samples'"),
        (["run", "--scheduler", "ahsa"], "'--scheduler'"),
        (["run", "--search-max-requests", "-1"], "--search-max-requests = -1 is wrong"),
        (["run", "--config", "none.toml"], "none.toml cannot be read"),
        (["validate", "none.json"], "none.json"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(call, arguments, said):
    code, _, err = call(*arguments)
    assert code == 2
    assert err.startswith("Error: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (["--model", "dmo"], "Unknown model 'dmo'"),
        (["--benchmark", "ruler/vtt"], "did you mean 'vt'"),
        (["--preset", "local_snik"], "did you mean 'local_sink'"),
        (["--search-algorithm", "nevergard"], "did you mean 'nevergrad'"),
        (["--objective", "sparsity_50"], "did you mean 'sparsity_5'"),
    ],
)
def test_a_dry_run_checks_every_name(call, flag, said):
    code, _, err = call("run", "--dry-run", *flag)
    assert code == 2
    assert said in err


def test_a_dry_run_shows_the_cells_of_a_debug_run(call, tmp_path):
    code, out, _ = call("run", "--debug", "--dry-run", "--output-dir", str(tmp_path / "out"))
    assert code == 0
    assert "ruler/niah_multikey_2  dense" in out
    assert "local_sink" in out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--num-samples", "50", "--preset", "sink_local_oracle_top_k"],
            [
                # All that there are.
                "Note: local_sink: 35 configurations at F0, 12 at F1, 4 at F2, 4 at F3",
                "Note: sink_local_oracle_top_k: 50 configurations at F0, 17 at F1, 6 at F2, 4 at F3",
            ],
        ),
        (
            ["--preset", "xattention"],
            ["local_sink: 10 configurations at F0, 4 at F1, 4", "xattention: 10 configurations at F2, 4 at F3"],
        ),
        (["--fidelity", "F1"], ["Note: 10 configurations at F1\n"]),
        (["--fidelity", "F1", "--preset", "xattention"], ["Note: xattention: This preset reads the prefix sparsely"]),
        (["--objective", "pareto", "--density", "0.05", "--density", "0.2"], ["10 configurations at F0, 8 at F1, 8"]),
    ],
)
def test_a_dry_run_tells_the_ladder(call, flags, said):
    code, out, _ = call("run", "--debug", "--dry-run", "--preset", "local_sink", *flags)
    assert code == 0
    for sentence in said:
        assert sentence in out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SparseHubError("The disk is full."), 1, "Error: The disk is full.\n"),
        (ValueError("odd"), 1, "Error: ValueError: odd. Run again with --verbose to see where.\n"),
        (KeyboardInterrupt(), 130, "Error: Interrupted.\n"),
    ],
)
def test_failures_have_their_code_and_no_traceback(call, monkeypatch, error, code, said):
    def fail():
        raise error

    monkeypatch.setattr("sparse_hub_core.cli.plugins.load_registry", fail)
    got, _, err = call("plugins")
    assert (got, err.lstrip("\n")) == (code, said)
    if code == 1:
        assert "Traceback" in call("plugins", "--verbose")[2]
        assert "Traceback" in call("--verbose", "plugins")[2]


@pytest.mark.parametrize("arguments", [("list-presets",), ("describe", "sink"), ("plugins", "--json")])
def test_an_output_without_room_is_named(arguments):
    program = f"from sparse_hub_core.cli.main import main; raise SystemExit(main({arguments!r}))"
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.returncode == 1
    assert result.stderr == "Error: The standard output cannot be written: No space left on device.\n"


def test_traces_that_cannot_be_deleted_are_named(call, tmp_path, monkeypatch):
    kept = tmp_path / f"kept-3{SUFFIX}"
    kept.write_bytes(b"no header")

    def refuse(path, missing_ok):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    code, _, err = call("traces", "--delete", "--trace-dir", str(tmp_path))
    assert code == 1
    assert f"Error: {kept} cannot be deleted: Permission denied; ask who may write to {kept.parent}." in err


def test_a_warning_is_one_line(capsys):
    main_module._show_warning("trials.jsonl, line 3,\n   is cut off", UserWarning, "files.py", 3)
    assert capsys.readouterr().err == "Warning: trials.jsonl, line 3, is cut off\n"


def test_warnings_go_back_to_what_they_were(call):
    before = warnings.showwarning
    call("plugins")
    assert warnings.showwarning is before


def test_show_prints_the_run_again(call, run_folder):
    code, out, _ = call("show", str(run_folder))
    assert code == 0
    assert "within noise" in out
    assert "Failed: demo, ruler/niah_multikey_2, broken" in out
    assert "attention = SparseAttention([LocalMaskerConfig(window_size=64), SinkMaskerConfig(sink_size=4)])" in out
    assert f"SparseAttention.load('{run_folder}" in out


def test_a_run_goes_by_its_id_and_by_its_summary_too(call, run_folder, monkeypatch):
    monkeypatch.chdir(run_folder.parent.parent)
    shown = call("show", str(run_folder))[1].splitlines()[:3]
    assert call("show", run_folder.name)[1].splitlines()[:3] == shown
    assert call("show", str(run_folder / "summary.json"))[1].splitlines()[:3] == shown


def test_report_writes_the_page_again(call, run_folder):
    code, out, _ = call("report", str(run_folder))
    assert code == 0
    assert out == f"Wrote {run_folder / 'report.html'}\n"
    assert (run_folder / "report.html").read_text().startswith("<!doctype html>")


def test_a_cut_off_trial_is_told_in_one_line_of_the_page(sparse_hub, run_folder):
    trials = next(run_folder.glob("*/*/local_sink/trials.jsonl"))
    trials.write_bytes(trials.read_bytes()[:-5])
    result = sparse_hub("report", str(run_folder))
    assert result.returncode == 0
    assert result.stderr == ""
    assert f"<li>{trials}, line 2, is cut off and was dropped.</li>" in (run_folder / "report.html").read_text()
