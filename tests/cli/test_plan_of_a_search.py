"""What ``--dry-run`` tells of searches, begun ones too; nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_hub_core.build_matrix import build_matrix
from sparse_hub_core.cli.main import main
from sparse_hub_core.models.fingerprint import fingerprint
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.resumed import resumed_sentence
from sparse_hub_core.results.schema import TrialLine
from sparse_hub_core.spec import build_spec
from sparse_hub_core.wording import by_fidelity, count

TASK, PRESET = "ruler/vt", "local_sink"
ASKED = ("--model", "demo", "--benchmark", TASK, "--preset", PRESET, "--num-samples", "20")


def trial(fidelity: str, status: str = "ok") -> TrialLine:
    return TrialLine(parameters={"size": 1}, status=status, fidelity=fidelity)


def planned(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main([command, *ASKED, "--output-dir", str(folder), "--dry-run"]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("command", "presets", "told"), [("search", [PRESET], "1 cell,"), ("run", ["dense", PRESET], "2 cells,")]
)
def test_a_plan_lists_what_its_command_runs(command, presets, told, tmp_path, capsys):
    first, _, *lines = planned(command, tmp_path, capsys)
    assert told in first
    assert [line.split()[2] for line in lines if line.startswith("demo")] == presets


def test_a_plan_tells_what_a_search_that_was_cut_off_need_not_repeat(tmp_path, capsys):
    settings = {"models": ("demo",), "benchmarks": (TASK,), "presets": (PRESET,), "num_samples": 20}
    matrix = build_matrix(build_spec({**settings, "output_dir": str(tmp_path)}), load_registry())
    (model,) = matrix.models
    cell = matrix.cell_directory(model, TASK, PRESET)
    cell.open(matrix.identity(fingerprint(model), TASK, PRESET))
    assert [line.split()[-1] for line in planned("search", tmp_path, capsys)][2] == "new"
    for line in (trial("F0"), trial("F0"), trial("F1"), trial("F0", "infeasible")):
        append_line(cell.trials, line)
    said = planned("search", tmp_path, capsys)
    assert said[2].split()[-1] == "begun"
    assert f"Note: {TASK}, {PRESET}: 3 trials ended earlier and will not be repeated (2 F0, 1 F1)." in said


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], None),
        ([trial("F0", "infeasible")], None),
        ([trial("F2")], "vt, sink: 1 trial ended earlier and will not be repeated (1 F2)."),
        (
            [trial("F1", "pruned"), trial("F0")],
            "vt, sink: 2 trials ended earlier and will not be repeated (1 F0, 1 F1).",
        ),
    ],
)
def test_trials_that_ended_earlier_are_counted(lines, told):
    assert resumed_sentence(lines, "vt", "sink") == told


def test_numbers_agree_with_their_nouns():
    assert [count(number, "trial") for number in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]
    assert by_fidelity({"F3": 4, "F1": 0, "F0": 9}) == "9 F0, 4 F3"
