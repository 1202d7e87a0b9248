"""Event files, read back with TensorBoard's own records and messages, of trials and cells that hooks were told of."""

from __future__ import annotations

import resource
import shutil
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from tensorboardX.record_writer import masked_crc32c

from sparse_hub_core import CellSummary, TrialLine, ValidationFile
from sparse_hub_core.finish_hooks import FinishHooks
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import Best, Interval

PLACE = {"model": "org/model", "task": "ruler/vt", "preset": "local_sink"}
CELL = "tensorboard/org__model/ruler__vt/local_sink"
MEASURED = {"error": 0.5, "density": 0.25, "io_density": 0.125}


class Run:
    """A run whose steps a test takes itself; the plugin hears of them as of a real one's, through its entry point."""

    def __init__(self, folder: Path) -> None:
        self.run = RunDirectory(folder)
        self.notes: list[str] = []
        self.hooks = self.started()

    def started(self) -> FinishHooks:
        """Return what tells the plugin, as in a process of its own."""
        hooks = [hook for hook in load_registry().finish_hooks if hook.provenance.plugin == "tensorboard"]
        assert {hook.name for hook in hooks} == {"trial_finished", "cell_finished"}
        return FinishHooks(hooks, self.run, self.notes.append)

    def begin(self, **content: Any) -> None:
        self.hooks = self.started()
        self.hooks.cell([CellSummary(**PLACE, status="running")])
        self.run.cell(**PLACE).open(content)

    def trial(self, line: TrialLine, told: bool = True) -> None:
        append_line(self.run.cell(**PLACE).trials, line)
        lines = self.run.cell(**PLACE).read_trials()
        number = sum(one.fidelity == line.fidelity and one.status != "infeasible" for one in lines)
        if told:
            self.hooks.trial(line, len(lines), number, 9)

    def end(self, *rows: CellSummary) -> None:
        self.hooks.cell(rows or [CellSummary(**PLACE, status="searched")])
        assert self.notes == []

    def events(self, place: str = "") -> list[Event]:
        return list(read(self.run.path / CELL / place))

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.run.path.glob("tensorboard/**/*") if path.is_file()}


def read(folder: Path) -> Iterator[Event]:
    """Yield the events of a folder, the first of which names the version; every checksum is looked at."""
    (path,) = folder.glob("*tfevents*")
    content, position = path.read_bytes(), 0
    while position < len(content):
        (length,) = struct.unpack_from("<Q", content, position)
        body = content[position + 12 : position + 12 + length]
        assert struct.unpack_from("<I", content, position + 8) == (masked_crc32c(content[position : position + 8]),)
        assert struct.unpack_from("<I", content, position + 12 + length) == (masked_crc32c(body),)
        event = Event.FromString(body)
        assert event.file_version == ("" if position else "brain.Event:2")
        if position:
            yield event
        position += length + 16


def points(events: list[Event]) -> list[tuple[str, int, float]]:
    values = ((event.step, value) for event in events for value in event.summary.value)
    return [(value.tag, step, value.simple_value) for step, value in values if value.HasField("simple_value")]


def parameters(events: list[Event]) -> dict[str, Any]:
    """Return the hyperparameters of a session."""
    values = {value.tag: value for event in events for value in event.summary.value}
    content = values["_hparams_/session_start_info"].metadata.plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in found.items()}


def trial(fidelity: str = "F0", status: str = "ok", size: Any = 3, **measured: float) -> TrialLine:
    content = {**MEASURED, "objective": 0.75, **measured} if status == "ok" else {}
    return TrialLine(
        parameters={"size": size, "mode": "top"},
        status=status,
        fidelity=fidelity,
        started=100.0,
        seconds=2.5,
        **content,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


def test_a_trial_is_there_before_the_next_one_begins(run: Run) -> None:
    run.begin()
    run.trial(trial(objective=0.5))
    assert points(run.events()) == [
        ("F0/objective", 1, 0.5),
        ("F0/error", 1, 0.5),
        ("F0/density", 1, 0.25),
        ("F0/io_density", 1, 0.125),
    ]
    assert {event.wall_time for event in run.events()} == {102.5}
    run.trial(trial(score=50.0))
    assert points(run.events())[4] == ("F0/objective", 2, 0.75)
    assert points(run.events())[8:] == [("F0/score", 2, 50.0)]


def test_each_rung_has_its_own_steps(run: Run) -> None:
    run.begin()
    for fidelity in ("F0", "F0", "F1", "F0", "F1"):
        run.trial(trial(fidelity))
    objectives = [(tag, step) for tag, step, _ in points(run.events()) if tag.endswith("objective")]
    assert objectives == [
        ("F0/objective", 1),
        ("F0/objective", 2),
        ("F1/objective", 1),
        ("F0/objective", 3),
        ("F1/objective", 2),
    ]


def test_every_line_is_a_row_of_hyperparameters(run: Run) -> None:
    run.begin()
    for line in (trial(size=3), trial(status="infeasible"), trial("F1", size=[1, 2]), trial("F1", status="error")):
        run.trial(line)
    rows = {row: run.events(f"trials/{row}") for row in ("0001-F0", "0002-F0", "0003-F1", "0004-F1")}
    assert {path.name for path in (run.run.path / CELL / "trials").iterdir()} == set(rows)
    assert parameters(rows["0001-F0"]) == {"size": 3.0, "mode": "top", "fidelity": "F0", "status": "ok"}
    assert parameters(rows["0003-F1"])["size"] == "[1, 2]"
    assert [parameters(rows[row])["status"] for row in rows] == ["ok", "infeasible", "ok", "error"]
    assert ("trial/objective", 0, 0.75) in points(rows["0001-F0"])
    assert points(rows["0002-F0"]) == points(rows["0004-F1"]) == []
    assert {step for _, step, _ in points(run.events())} == {1}
    # One cell's list of columns would hide those of the others.
    assert not any("experiment" in value.tag for row in rows.values() for e in row for value in e.summary.value)


@pytest.mark.parametrize("size", [2**64, -(2**64), 10**400])
def test_an_integer_that_no_number_holds_is_written_as_text(run: Run, size: int) -> None:
    run.begin()
    run.trial(trial(size=size))
    assert run.notes == []
    assert parameters(run.events("trials/0001-F0"))["size"] == str(size)


def test_a_run_that_goes_on_adds_to_the_same_files_and_repeats_nothing(run: Run) -> None:
    run.begin()
    run.trial(trial())
    run.begin()
    run.trial(trial(objective=0.125))
    run.end()
    steps = Counter((tag, step) for tag, step, _ in points(run.events()))
    assert steps["F0/objective", 1] == steps["F0/objective", 2] == 1
    assert set(steps.values()) == {1}
    before = run.files()
    run.begin()
    run.end()
    assert run.files() == before


def test_what_was_missed_is_made_up_for_when_the_cell_ends(run: Run, tmp_path: Path) -> None:
    lines = [trial(), trial(status="infeasible"), trial(objective=0.125), trial("F1")]
    other = Run(tmp_path / "other")
    for each, told in ((run, [True] * 4), (other, [False, True, False, False])):
        each.begin()
        for line, is_told in zip(lines, told, strict=True):
            each.trial(line, is_told)
        each.end()
    assert points(run.events()) == points(other.events())
    places = [{path.relative_to(each.run.path) for path in each.files()} for each in (run, other)]
    assert places[0] == places[1]


@pytest.mark.parametrize("cut", [0, 1, 17])
def test_a_file_that_a_crash_left_is_put_right(run: Run, cut: int) -> None:
    """A trial whose process was killed between its points and its row, or a machine that stopped while it wrote."""
    run.begin()
    for _ in range(2):
        run.trial(trial())
    whole = points(run.events())
    (path,) = (run.run.path / CELL).glob("*tfevents*")
    content = path.read_bytes()
    path.write_bytes(content[:-cut] if cut else content + content[-60:])
    shutil.rmtree(run.run.path / CELL / "trials" / "0002-F0")
    run.end()
    assert points(run.events()) == whole
    assert parameters(run.events("trials/0002-F0"))["size"] == 3.0


def interval(mean: float) -> Interval:
    return Interval(mean=mean, low=mean - 1, high=mean + 2, n=9, clusters=9)


def validated(target: str = "", markup: str = "local") -> CellSummary:
    best = Best(
        **PLACE,
        **MEASURED,
        cell_identity="id",
        model_source="org/model",
        model_revision=None,
        maskers=[{"masker": markup, "parameters": {"size": 3}}],
        parameters={"size": 3, "mode": "top"},
        objective_name="error_only",
        objective=0.5,
        search_settings={},
        validation_settings={},
        seed=0,
        device="cpu",
        dtype="float32",
        versions={},
    )
    validation = ValidationFile(
        **PLACE,
        cell_identity="id",
        metric="contains",
        higher_is_better=True,
        dense=interval(90),
        sparse=interval(80),
        difference=interval(-10),
        within_noise=False,
        error_mean=0.5,
        error_p95=None,
        error_by_layer={0: 0.25, 3: 0.75},
        density_search=None,
        density_validation=0.25,
        latency=None,
        truncated_requests=0,
        seconds=1,
    )
    return CellSummary(**PLACE, status="done", target=target, best=best, validation=validation)


def test_a_cell_that_ended_has_its_validation_and_its_configuration(run: Run) -> None:
    run.begin()
    run.trial(trial())
    run.end(validated(markup="<script>```"))
    events = run.events("validation")
    found = [(tag.removeprefix("validation/"), step, value) for tag, step, value in points(events)]
    scores = {"dense_score": 90, "sparse_score": 80, "difference": -10}
    assert found[:9] == [
        (f"{name}{end}", 0, mean + more)
        for name, mean in scores.items()
        for end, more in (("", 0), ("_low", -1), ("_high", 2))
    ]
    assert found[9:13] == [
        ("error", 0, 0.5),
        ("density", 0, 0.25),
        ("error_by_layer", 0, 0.25),
        ("error_by_layer", 3, 0.75),
    ]
    row = run.events("trials/validation")
    assert parameters(row) == {"size": 3.0, "mode": "top", "fidelity": "validation", "status": "ok"}
    assert ("trial/score", 0, 80.0) in points(row)
    (text,) = [value.tensor.string_val[0].decode() for e in events for value in e.summary.value if "text" in value.tag]
    assert '"masker": "<script>```"' in text
    assert all(line.startswith("    ") for line in text.splitlines())
    before = run.files()
    run.begin()
    run.end(validated())
    assert run.files() == before


def test_several_winners_have_a_folder_each(run: Run) -> None:
    run.begin()
    run.end(validated("density-10"), validated("density-20"))
    for name in ("density-10", "density-20"):
        assert points(run.events(f"validation-{name}"))
        assert parameters(run.events(f"trials/validation-{name}"))["fidelity"] == "validation"


def test_dense_attention_has_a_score_and_no_configuration(run: Run) -> None:
    run.begin()
    validation = validated().validation.model_copy(update={"sparse": None, "difference": None, "error_by_layer": {}})
    run.end(CellSummary(**PLACE, status="done", validation=validation))
    assert {tag for tag, _, _ in points(run.events("validation"))} >= {"validation/dense_score_low"}
    assert not (run.run.path / CELL / "trials").exists()


def test_a_cell_that_failed_at_once_leaves_nothing(run: Run) -> None:
    run.hooks.cell([CellSummary(**PLACE, status="running")])
    run.end(CellSummary(**PLACE, status="failed", reason="no such model"))
    assert not (run.run.path / "tensorboard").exists()


def test_events_of_outdated_results_are_moved_aside_and_come_back_with_them(run: Run) -> None:
    for content, objective in (("old", 0.5), ("new", 0.25), ("old", 0.125)):
        run.begin(code=content)
        run.trial(trial(objective=objective))
    told = [value for tag, _, value in points(run.events()) if tag == "F0/objective"]
    assert told == [0.5, 0.125]
    folders = {path.name for path in (run.run.path / CELL).parent.iterdir()}
    cells = {path.name for path in run.run.cell(**PLACE).path.parent.iterdir()}
    assert folders == cells
    assert len(folders) == 2


def test_a_full_disk_leaves_whole_events_and_what_is_missing_comes_later(run: Run) -> None:
    run.begin()
    run.trial(trial())
    (path,) = (run.run.path / CELL).glob("*tfevents*")
    size, (soft, hard) = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    line = trial(objective=0.125)
    append_line(run.run.cell(**PLACE).trials, line)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        run.hooks.trial(line, 2, 2, 9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (note,) = run.notes
    assert "'tensorboard' of sparse-hub-tensorboard 0.1.0 failed in trial_finished" in note
    assert "No space is left" in note
    assert path.stat().st_size == size
    run.notes.clear()
    run.end()
    assert [(step, value) for tag, step, value in points(run.events()) if tag == "F0/objective"] == [
        (1, 0.75),
        (2, 0.125),
    ]
