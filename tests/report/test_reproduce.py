"""The command on the page is one that makes the run again."""

from __future__ import annotations

import subprocess

import pytest

from sparse_hub_core.cli.main import cli
from sparse_hub_core.cli.spec_options import flags_to_settings
from sparse_hub_core.report.files import read_run
from sparse_hub_core.report.reproduce import command, determinism, others
from sparse_hub_core.results.files import read_json, write_json
from sparse_hub_core.results.schema import RunFile, SummaryFile
from sparse_hub_core.spec import Spec, build_spec

SETTINGS = {
    "defaults": {},
    "names": {"models": ("demo", "-odd name's"), "benchmarks": ("ruler/vt@sample",), "presets": ("a", "b c")},
    "numbers": {"num_samples": 7, "max_density": 0.05, "densities": (0.1, 0.25), "seed": 3, "trace_max_gb": 0.5},
    "stages": {"search": {"timeout": 1.5, "max_requests": 3}, "validation": {"max_context_length": 2048}},
    "data": {"data": {"root": "/a folder", "folder": {"longbench": "/x=y", "loogle": "$HOME"}, "sample": True}},
    "options": {
        "search_options": {"optimizer": "NGOpt", "one": "1", "two": 2, "flag": True, "half": 0.5, "text": "true"}
    },
    "others": {
        "scheduler": "none",
        "fidelity": "F2",
        "warm_start": ("best.json",),
        "max_concurrent": 2,
        "dtype": "float32",
    },
}


def folder_with(run_folder, settings, **changes):
    spec = build_spec(settings)
    run_file = read_json(run_folder / "run.json", RunFile)
    write_json(run_folder / "run.json", run_file.model_copy(update={"spec": spec.model_dump(mode="json"), **changes}))
    return read_run(run_folder, read_json(run_folder / "summary.json", SummaryFile)), spec


def parsed(text: str) -> Spec:
    """Return what the real program reads in a command that the real shell reads."""
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {text}"], capture_output=True, text=True, check=True).stdout
    program, name, *arguments = words.split("\0")[:-1]
    assert program == "sparse-hub"
    run = cli.get_command(None, name)
    with run.make_context(name, arguments) as context:
        own = ("config", "debug", "dry_run")
        return build_spec(flags_to_settings({name: value for name, value in context.params.items() if name not in own}))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_command_is_read_back_as_the_same_settings(run_folder, settings):
    run, spec = folder_with(run_folder, settings)
    assert run.spec == spec
    assert parsed(command(run)) == spec


def test_only_what_is_not_the_default_is_named(run_folder):
    run, _ = folder_with(
        run_folder, {"presets": ("local_sink",), "num_samples": 50, "seed": 1, "search": {"timeout": 60.0}}
    )
    assert command(run) == "sparse-hub run --preset local_sink --search-timeout 60 --seed 1"


def test_a_run_that_was_only_searched_is_searched_again(run_folder, cells):
    folder_with(run_folder, {})
    summary = SummaryFile(run_id="run-0", cells=cells[1:])
    assert command(read_run(run_folder, summary)) == "sparse-hub search"


def test_long_commands_have_several_lines(run_folder, report):
    run, spec = folder_with(run_folder, {"presets": tuple(f"sink_local_{number}" for number in range(20))})
    lines = command(run).splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 98
    assert parsed(command(run)) == spec


def test_cells_of_earlier_commands_are_named(run_folder):
    run, _ = folder_with(run_folder, {"benchmarks": ("ruler/niah_multikey_2",), "presets": ("local_sink", "broken")})
    assert others(run) == ["sink_local_oracle_top_k"]
    run, _ = folder_with(run_folder, {"benchmarks": ("ruler/vt",)})
    assert others(run) == ["ruler/niah_multikey_2"]


def test_settings_of_another_version_are_said_to_be_unknown(run_folder, report):
    run_file = read_json(run_folder / "run.json", RunFile)
    write_json(run_folder / "run.json", run_file.model_copy(update={"spec": {"gone": 1}}))
    page = report(run_folder).read_text()
    assert "The command is not known" in page
    assert "another version of sparse-hub: gone: extra inputs are not permitted." in page


def test_what_may_differ_is_what_the_run_wrote_down(run_folder):
    run, _ = folder_with(run_folder, {}, not_deterministic=["the weather"])
    assert determinism(run).endswith("may differ in this: the weather.")
    run, _ = folder_with(run_folder, {}, not_deterministic=[])
    assert "differ" not in determinism(run)
