"""What a run leaves, and what can be done with it; all tests look at one real run."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sparse_hub_core import SparseAttention
from sparse_hub_core.cli.main import main

from ..conftest import SMALL, Finished, finish

pytestmark = pytest.mark.slow

PRESETS = ("local_sink", "sink_local_magic_pig")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the program in this process, where no Ray is started, and returns what it printed."""

    def call(folder: Path, *arguments: str) -> str:
        monkeypatch.chdir(folder)
        assert main(arguments) == 0
        return capsys.readouterr().out

    return call


def test_it_ends_well_and_prints_the_answer(finished_run: Finished) -> None:
    assert finished_run.process.returncode == 0, finished_run.process.stderr
    for expected in (*PRESETS, "SparseAttention.load(", "n=6 in 6 requests", "dense score"):
        assert expected in finished_run.process.stdout


@pytest.mark.parametrize("preset", PRESETS)
def test_as_many_distinct_configurations_enter_as_were_asked_for(finished_run: Finished, preset: str) -> None:
    trials = [line for line in finished_run.lines(preset, "trials.jsonl") if line["status"] != "infeasible"]
    assert {line["status"] for line in trials} <= {"ok", "pruned"}
    rungs = {
        fidelity: [json.dumps(line["parameters"], sort_keys=True) for line in trials if line["fidelity"] == fidelity]
        for fidelity in ("F0", "F1", "F2", "F3")
    }
    assert sum(len(tried) for tried in rungs.values()) == len(trials)
    assert len(rungs["F0"]) == 4
    assert all(len(set(tried)) == len(tried) for tried in rungs.values())
    assert all(set(above) <= set(below) for below, above in itertools.pairwise(rungs.values()))


@pytest.mark.parametrize("preset", PRESETS)
def test_two_workers_serve_all_trials_and_overlap(finished_run: Finished, preset: str) -> None:
    entered = [line for line in finished_run.lines(preset, "trials.jsonl") if line["status"] != "infeasible"]
    assert len({line["worker"] for line in entered}) == 2
    spans = sorted((line["started"], line["started"] + line["seconds"], line["worker"]) for line in entered)
    assert any(b[0] < a[1] and a[2] != b[2] for a, b in itertools.pairwise(spans))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_winner_is_one_that_generated_and_that_none_beats(finished_run: Finished, preset: str) -> None:
    ok = [line for line in finished_run.lines(preset, "trials.jsonl") if line["status"] == "ok"]
    assert all(line["objective"] == pytest.approx(_objective(line)) for line in ok)
    best = finished_run.json(preset, "best.json")
    top = [line for line in ok if line["fidelity"] == best["fidelity"] == "F3"]
    winner = next(line for line in top if line["parameters"] == best["parameters"])
    assert [best[name] for name in ("objective", "error", "density", "io_density")] == pytest.approx(
        [winner[name] for name in ("objective", "error", "density", "io_density")]
    )
    cost = (winner["io_density"], winner["objective"])
    assert not [line for line in top if line["objective"] < winner["objective"] and line["io_density"] < cost[0]]
    # Without a tie the lowest objective wins; in one, what reads least.
    assert best["num_tied"] > 1 or winner["objective"] == min(line["objective"] for line in top)


def _objective(line: dict) -> float:
    return line["error"] + 0.1 * line["density"] + 5.0 * (line["density"] > 0.5)


@pytest.mark.parametrize("preset", PRESETS)
def test_validation_is_paired_with_dense_on_the_same_questions(finished_run: Finished, preset: str) -> None:
    validation = finished_run.json(preset, "validation.json")
    predictions = finished_run.lines(preset, "predictions.jsonl")
    assert len(predictions) == validation["difference"]["n"] == 6
    differences = [line["sparse_score"] - line["dense_score"] for line in predictions]
    assert validation["difference"]["mean"] == pytest.approx(sum(differences) / len(differences))
    assert validation["difference"]["low"] <= validation["difference"]["mean"] <= validation["difference"]["high"]
    assert 0 < validation["density_validation"] < 1
    assert set(validation["error_by_layer"]) == {str(layer) for layer in range(len(validation["error_by_layer"]))}
    dense = {line["request_id"]: line["scores"] for line in finished_run.lines("dense", "requests.jsonl")}
    assert {line["request_id"] for line in predictions} == set(dense)


def test_search_and_validation_share_no_context(finished_run: Finished) -> None:
    from sparse_hub_core.lookup import get_benchmark
    from sparse_hub_core.models.loading import load_tokenizer
    from sparse_hub_core.models.source import resolve_model
    from sparse_hub_core.plugins import load_registry
    from sparse_hub_core.preparation import prepare_requests

    registry = load_registry()
    tokenizer = load_tokenizer(resolve_model(registry, "demo"))
    task, ruler = "ruler/niah_multikey_2", get_benchmark("ruler", registry)
    search, validation = (
        {p.request.context for p in prepare_requests(ruler, task, tokenizer, part, 512, 6, 0)}
        for part in ("search", "validation")
    )
    assert len(search) == len(validation) == 6
    assert not search & validation


def test_every_file_of_the_design_is_there(finished_run: Finished) -> None:
    for name in ("run.json", "summary.json", "report.html"):
        assert (finished_run.run / name).stat().st_size > 0
    for name in ("trials.jsonl", "best.json", "validation.json", "predictions.jsonl", "validation.log"):
        assert (finished_run.cell("local_sink") / name).stat().st_size > 0
    run = json.loads((finished_run.run / "run.json").read_text())
    assert run["status"] == "done"
    assert {"torch", "transformers", "ray", "sparse-hub", "sparse-hub-magicpig"} <= set(run["versions"])


@pytest.mark.parametrize("preset", PRESETS)
def test_the_winner_can_be_loaded_and_used(finished_run: Finished, preset: str) -> None:
    attention = SparseAttention.load(finished_run.cell(preset) / "best.json")
    keys = torch.randn(1, 2, 900, 16, generator=torch.Generator().manual_seed(0))
    result = attention(keys.repeat_interleave(2, 1)[:, :, -1:], keys, keys)
    assert 0 < result.density < 1


def test_the_same_command_again_repeats_nothing(
    finished_run: Finished, said: Callable[..., str], tmp_path: Path
) -> None:
    shutil.copytree(finished_run.folder / "runs", tmp_path / "runs")
    printed = said(tmp_path, *SMALL)
    again = Finished(finished_run.process, tmp_path)
    for preset in PRESETS:
        assert preset in printed
    for preset in ("dense", *PRESETS):
        for path in finished_run.cell(preset).iterdir():
            assert (again.cell(preset) / path.name).read_bytes() == path.read_bytes()


def test_one_more_preset_runs_only_its_own_cell(finished_run: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished_run.folder / "runs", tmp_path / "runs")
    more = finish(tmp_path, *SMALL, "--preset", "local_sink", "--preset", "sink_local_oracle_top_k")
    assert more.process.returncode == 0, more.process.stderr
    for preset in ("dense", "local_sink"):
        for path in finished_run.cell(preset).iterdir():
            assert (more.cell(preset) / path.name).read_bytes() == path.read_bytes()
    assert more.json("sink_local_oracle_top_k", "validation.json")["sparse"]["n"] == 6


def test_a_changed_setting_reuses_nothing(finished_run: Finished, said: Callable[..., str]) -> None:
    assert finished_run.run.name not in said(finished_run.folder, *SMALL, "--seed", "1", "--dry-run")
    assert finished_run.run.name in said(finished_run.folder, *SMALL, "--dry-run")


def test_edited_code_does_not_meet_its_old_numbers(
    finished_run: Finished, said: Callable[..., str], tmp_path: Path
) -> None:
    import sparse_hub_magicpig

    shutil.copytree(finished_run.folder / "runs", tmp_path / "runs")
    source = Path(sparse_hub_magicpig.__file__).parent
    edited = tmp_path / "edited" / source.name
    shutil.copytree(source, edited)
    method = edited / "magic_pig.py"
    method.write_text(method.read_text().replace("choice([16, 32, 64, 128])", "choice([16, 32])"))
    before = said(tmp_path, *SMALL, "--dry-run").splitlines()
    after = finish(tmp_path, *SMALL, "--dry-run", PYTHONPATH=str(edited.parent)).process.stdout.splitlines()
    assert [line.split()[-1] for line in before if "ruler/" in line] == ["done", "done", "done"]
    assert [line.split()[-1] for line in after if "ruler/" in line] == ["done", "done", "new"]


def test_a_winner_is_validated_again_by_itself(finished_run: Finished, tmp_path: Path) -> None:
    best = finished_run.cell("local_sink") / "best.json"
    again = finish(tmp_path, "validate", str(best), "--validation-max-requests", "3", "--max-concurrent", "1")
    assert again.process.returncode == 0, again.process.stderr
    assert again.json("local_sink", "validation.json")["sparse"]["n"] == 3


def test_a_run_is_shown_again(finished_run: Finished, said: Callable[..., str]) -> None:
    shown = said(finished_run.folder, "show", str(finished_run.run))
    for preset in PRESETS:
        assert preset in shown
