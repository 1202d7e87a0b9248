"""Searches as the command line starts them: objectives, fidelities and a warm start, all in one Ray session."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray

from sparse_hub_core import SparseAttention
from sparse_hub_core.build_matrix import build_matrix
from sparse_hub_core.cli.main import main
from sparse_hub_core.cli.plain_progress import PlainProgress
from sparse_hub_core.execute_full_benchmark import execute_full_benchmark
from sparse_hub_core.models.fingerprint import fingerprint
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.schema import TrialLine
from sparse_hub_core.spec import build_spec

pytestmark = pytest.mark.slow

PRESET, TASK = "sink_local_oracle_top_k", "ruler/niah_multikey_2"
SMALL = (
    *("--debug", "--preset", PRESET, "--num-samples", "12", "--max-concurrent", "1"),
    *("--search-max-requests", "2", "--search-max-new-tokens", "3", "--search-max-context-length", "512"),
)
VALIDATION = (
    *("--validation-max-requests", "2", "--validation-max-new-tokens", "3", "--validation-max-context-length", "512"),
)
PARETO = ("run", *SMALL, *VALIDATION, "--objective", "pareto", "--density", "0.25", "--density", "0.5")


@dataclass(frozen=True)
class Ended:
    """A command that ended well, and where its files are."""

    said: str
    told: str
    run: Path

    @property
    def cell(self) -> Path:
        return self.run / "demo" / "ruler__niah_multikey_2" / PRESET

    def best(self, target: str = "") -> dict:
        return json.loads((self.cell / target / "best.json").read_text())

    def trials(self) -> list[dict]:
        return [json.loads(line) for line in (self.cell / "trials.jsonl").read_text().splitlines()]

    def counts(self) -> dict[str, int]:
        ran = [line["fidelity"] for line in self.trials() if line["status"] != "infeasible"]
        return {fidelity: ran.count(fidelity) for fidelity in dict.fromkeys(ran)}


def start(folder: Path, *arguments: str) -> Ended:
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        code = main([*arguments, "--output-dir", str(folder)])
    assert code == 0, told.getvalue()
    (name,) = re.findall(r"^Files: (\S+)$", said.getvalue(), re.MULTILINE)
    return Ended(said.getvalue(), told.getvalue(), Path(name))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield tmp_path_factory.mktemp("searches")
    ray.shutdown()


@pytest.fixture(scope="module")
def pareto(folder: Path) -> Ended:
    return start(folder, *PARETO)


@pytest.fixture(scope="module")
def constrained(folder: Path, pareto: Ended) -> Ended:
    within = ("--objective", "constrained", "--max-density", "0.25")
    return start(folder, "search", *SMALL, *within, "--warm-start", str(pareto.run))


@pytest.fixture(scope="module")
def replayed(folder: Path) -> Ended:
    return start(folder, "run", *SMALL, *VALIDATION, "--objective", "score", "--fidelity", "F0")


@pytest.mark.parametrize(("target", "limit"), [("density-25", 0.25), ("density-50", 0.5)])
def test_a_pareto_search_has_a_validated_winner_for_each_density(pareto: Ended, target: str, limit: float) -> None:
    best = pareto.best(target)
    assert 0 < best["density"] <= limit
    assert (best["target"], best["budget"]) == (target, f"density at most {100 * limit:g}%")
    assert json.loads((pareto.cell / target / "validation.json").read_text())["num_requests"] == 2
    assert f"{PRESET}, density <= {100 * limit:g}%  " in pareto.said
    path = str((pareto.cell / target / "best.json").resolve())
    assert path in pareto.said
    assert path in (pareto.run / "report.html").read_text()
    assert SparseAttention.load(path)


def test_the_looser_budget_costs_no_error(pareto: Ended) -> None:
    tried = [line for line in pareto.trials() if line["fidelity"] == "F3" and line["status"] == "ok"]
    assert min(line["error"] for line in tried if line["density"] <= 0.5) <= pareto.best("density-25")["error"]


def test_trials_are_counted_rung_by_rung(pareto: Ended) -> None:
    counts = pareto.counts()
    assert list(counts) == ["F0", "F1", "F2", "F3"]
    assert counts["F0"] == 12 >= counts["F1"] >= counts["F2"] >= counts["F3"]
    for fidelity, count in counts.items():
        said = re.findall(rf"  #\d+ {fidelity} (\d+)/(\d+): ", pareto.told)
        assert [int(number) for number, _ in said] == list(range(1, count + 1))
        assert said[-1] == (str(count), str(count))
    assert ", ".join(f"{count} {fidelity}" for fidelity, count in counts.items()) in pareto.said
    shares = re.findall(r"\] (\d+)% done", pareto.told)
    assert shares == sorted(set(shares), key=int)
    assert shares[-1] == "100"


def test_the_rungs_agree_in_a_table(pareto: Ended) -> None:
    told = pareto.best("density-25")["correlations"]
    assert [(one["lower"], one["upper"]) for one in told] == [("F0", "F1"), ("F1", "F2"), ("F2", "F3")]
    for one in told:
        assert re.search(rf"{PRESET} +{one['lower']} and {one['upper']} +{one['spearman']:.2f} \[", pareto.said)


def test_the_same_command_again_repeats_nothing(folder: Path, pareto: Ended) -> None:
    before = {path: path.read_bytes() for path in pareto.run.rglob("*.json*") if path.name != "run.json"}
    again = start(folder, *PARETO)
    assert not re.search(r" #\d+ F0 ", again.told)
    assert "load demo" not in again.told
    assert {path: path.read_bytes() for path in before} == before
    assert again.said == pareto.said


def test_a_dry_run_knows_that_all_winners_are_validated(
    folder: Path, pareto: Ended, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*PARETO, "--output-dir", str(folder), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"{PRESET} .* done$", said, re.MULTILINE)
    assert "12 configurations at F0, 8 at F1, 8 at F2, 8 at F3" in said


def test_one_of_several_winners_is_validated_by_itself(folder: Path, pareto: Ended) -> None:
    path = pareto.cell / "density-25" / "best.json"
    judged = start(folder, "validate", str(path), "--validation-max-requests", "1", "--max-concurrent", "1")
    assert judged.run.name.startswith("validate-")
    assert "density <= 25%" in judged.said
    assert json.loads((judged.cell / "validation.json").read_text())["num_requests"] == 1
    assert [found.name for found in judged.cell.parent.iterdir() if found.name.startswith(PRESET)] == [PRESET]


def test_a_constrained_winner_keeps_to_its_budget_and_can_be_validated(folder: Path, constrained: Ended) -> None:
    best = constrained.best()
    assert 0 < best["density"] <= 0.25
    assert f"{PRESET}, density <= 25%" in constrained.said
    within = [line["error"] for line in constrained.trials() if line["fidelity"] == "F3" and line["density"] <= 0.25]
    assert best["objective"] == best["error"]
    assert best["num_tied"] > 1 or best["error"] == min(within)
    arguments = ("--validation-max-requests", "1", "--max-concurrent", "1")
    assert "not validated" not in start(folder, "validate", str(constrained.cell / "best.json"), *arguments).said


def test_a_warm_start_tries_earlier_winners_first(pareto: Ended, constrained: Ended) -> None:
    tried = [line["parameters"] for line in constrained.trials() if line["status"] != "infeasible"]
    # Where two winners are one configuration, it is tried once.
    first, second = (pareto.best(target)["parameters"] for target in ("density-25", "density-50"))
    assert tried[0] == first
    assert second in tried[:2]


class Counting(PlainProgress):
    """Keeps what was known just before the end."""

    def end(self) -> None:
        self.before = self.watched
        super().end()


def test_a_space_that_is_soon_exhausted_ends_a_resumed_run_at_100_percent(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"models": ("demo",), "benchmarks": (TASK,), "presets": ("local_sink",), "output_dir": str(folder)}
    light = {"max_requests": 1, "max_new_tokens": 3, "max_context_length": 512}
    spec = build_spec({**settings, "num_samples": 60, "fidelity": "F0", "max_concurrent": 1, "search": light})
    matrix = build_matrix(spec, load_registry())
    (model,) = matrix.models
    cell = matrix.cell_directory(model, TASK, "local_sink")
    cell.open(matrix.identity(fingerprint(model), TASK, "local_sink"))
    tried = {"local_window_size": 64, "sink_sink_size": 4}
    append_line(cell.trials, TrialLine(parameters=tried, status="error", reason="It failed.", fidelity="F0"))
    progress = Counting()
    summary = execute_full_benchmark(spec, progress=progress, stages=("search",))
    told = capsys.readouterr().err
    assert progress.before.done + progress.before.skipped == pytest.approx(progress.before.total)
    assert 0 < progress.before.total < 60
    assert summary.cells[0].fidelities["F0"] < 60
    assert f"Note: {TASK}, local_sink: 1 trial ended earlier and will not be repeated (1 F0)." in told
    assert re.findall(r"\] (\d+)% done", told)[-1] == "100"


def test_a_search_by_replay_alone_says_so(replayed: Ended) -> None:
    assert replayed.counts() == {"F0": 12}
    best = replayed.best()
    assert (best["objective_name"], best["fidelity"]) == ("score", "F0")
    assert best["objective"] == best["error"]
    assert "Chosen before anything was generated: " in replayed.said
    assert f"{PRESET} in ruler/niah_multikey_2 at F0" in replayed.said
    assert "generated" in (replayed.run / "report.html").read_text()
