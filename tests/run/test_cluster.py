"""A Ray cluster of several nodes in one machine, each with a folder of traces of its own; nodes are ended at work."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from sparse_hub_core.search.ladder import rungs

from .conftest import Finished, command

pytestmark = pytest.mark.slow

NUM_SAMPLES = 24
SEARCH = (
    *("--debug", "--preset", "sink_local_magic_pig", "--search-algorithm", "random", "--max-concurrent", "2"),
    *("--num-samples", str(NUM_SAMPLES), "--search-max-requests", "4", "--search-max-context-length", "512"),
)
VALIDATION = ("--validation-max-requests", "8", "--validation-max-new-tokens", "4")


@dataclass
class Nodes:
    """A cluster whose head has no CPU for workers, and two nodes that have one each."""

    cluster: Cluster
    folder: Path

    def __post_init__(self) -> None:
        self.workers = [self.add(name) for name in ("first", "second")]

    def add(self, name: str) -> object:
        return self.cluster.add_node(num_cpus=1, env_vars={"SPARSE_HUB_TRACE_DIR": str(self.folder / name)})

    def end(self, index: int) -> None:
        self.cluster.remove_node(self.workers[index], allow_graceful=False)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command("run", *SEARCH, *VALIDATION, "--ray-address", self.cluster.address),
            cwd=self.folder,
            env=os.environ | {"SPARSE_HUB_TRACE_DIR": str(self.folder / "driver")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same search without a cluster."""
    folder = tmp_path_factory.mktemp("undisturbed")
    variables = os.environ | {"SPARSE_HUB_TRACE_DIR": str(folder / "traces")}
    ended = subprocess.run(
        command("search", *SEARCH), cwd=folder, env=variables, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield Nodes(cluster, tmp_path)
    cluster.shutdown()


def lines(folder: Path, name: str) -> list[dict]:
    """Return the whole lines of a file of the only searched cell."""
    found = list(folder.glob(f"runs/run-*/*/*/sink_local_magic_pig/{name}"))
    return [json.loads(line) for line in found[0].read_text().split("\n")[:-1]] if found else []


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(process: subprocess.Popen[str], folder: Path) -> Finished:
    output, errors = process.communicate(timeout=300)
    return Finished(subprocess.CompletedProcess(process.args, process.returncode, output, errors), folder)


def place(line: dict) -> tuple[str, str]:
    return json.dumps(line["parameters"], sort_keys=True), line["fidelity"]


def check_whole(folder: Path, undisturbed: Path) -> None:
    trials = [line for line in lines(folder, "trials.jsonl") if line["status"] != "infeasible"]
    assert set(Counter(map(place, trials)).values()) == {1}
    assert sum(line["fidelity"] == "F0" for line in trials) == NUM_SAMPLES
    assert {line["status"] for line in trials} <= {"ok", "pruned"}
    asked = Counter((*place(line), line["request_index"]) for line in lines(folder, "trial_requests.jsonl"))
    assert set(asked.values()) == {1}
    assert len({line["request_id"] for line in lines(folder, "requests.jsonl")}) == 8
    found, expected = measured(folder), measured(undisturbed)
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-4)


def measured(folder: Path) -> dict[tuple, float]:
    return {
        (*place(line), line["request_index"]): line["answer"]["error"]
        for line in lines(folder, "trial_requests.jsonl")
        if line["fidelity"] == "F0"
    }


def traces(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*-trace-*.safetensors"))


def test_all_workers_lost_is_one_sentence_and_the_same_command_goes_on(
    nodes: Nodes, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    process = nodes.start()
    wait_until(lambda: len(list((tmp_path / "first").glob("*.safetensors"))) >= 1, process)
    nodes.end(0)
    # Of two nodes, the one that is left records what both were to, and searches.
    wait_until(lambda: len(lines(tmp_path, "trials.jsonl")) >= 5, process)
    nodes.end(1)
    # A run waits for a minute for other machines, in which this one has time.
    undisturbed = request.getfixturevalue("undisturbed")
    failed = ended(process, tmp_path).process
    assert failed.returncode == 1
    assert "No worker with 'demo' is left" in failed.stderr + failed.stdout
    assert "Traceback" not in failed.stderr
    before = lines(tmp_path, "trials.jsonl")

    third, _ = nodes.add("third"), nodes.add("fourth")
    process = nodes.start()
    wait_until(lambda: len(lines(tmp_path, "requests.jsonl")) >= 1, process)
    nodes.cluster.remove_node(third, allow_graceful=False)
    finished = ended(process, tmp_path)
    assert finished.process.returncode == 0, finished.process.stderr
    assert lines(tmp_path, "trials.jsonl")[: len(before)] == before
    check_whole(tmp_path, undisturbed)


def test_nodes_that_die_in_the_search_cost_no_trial_and_one_that_joins_late_records_on_demand(
    nodes: Nodes, tmp_path: Path, undisturbed: Path
) -> None:
    process = nodes.start()
    wait_until(lambda: len(lines(tmp_path, "trials.jsonl")) >= 5, process)
    nodes.end(0)
    wait_until(lambda: len(lines(tmp_path, "trials.jsonl")) >= 12, process)
    nodes.end(1)
    nodes.add("third")
    finished = ended(process, tmp_path)
    assert finished.process.returncode == 0, finished.process.stderr
    check_whole(tmp_path, undisturbed)
    # Each node had recorded all requests in its own folder before the search began, and the driver none.
    assert traces(tmp_path / "first") == traces(tmp_path / "second") == traces(undisturbed / "traces")
    assert len(traces(tmp_path / "second")) == 4
    # Free generation needs no trace, and the rungs below it do not see all requests.
    late = set(traces(tmp_path / "third"))
    assert len(late) == max(rung.num_requests(4) for rung in rungs("ladder", masks_prefix=False)[:-1])
    assert late <= set(traces(tmp_path / "second"))
    assert not traces(tmp_path / "driver")
