"""The hooks that hear what a run did: what they are told, in which order, and what one that fails may break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sparse_hub_core import CellPlace, CellSummary, TrialLine, build_spec, hookimpl, plugins
from sparse_hub_core.build_matrix import build_matrix
from sparse_hub_core.finish_hooks import FinishHooks
from sparse_hub_core.progress import Several
from sparse_hub_core.registry import Provenance, Registry
from sparse_hub_core.results.files import append_line
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.summary import SummaryWriter, load_summary

PLACE = {"model": "demo", "task": "ruler/vt", "preset": "local_sink"}
LINE = TrialLine(parameters={"size": 3}, status="ok", objective=0.5, error=0.4, density=0.1)


class Plugin:
    """Remembers what its hooks hear, and what of that the disk held by then; raises what it is given."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.heard: list[tuple[Any, ...]] = []

    def load(self) -> Plugin:
        return self

    @hookimpl
    def trial_finished(self, cell: CellPlace, trial: TrialLine, index: int, number: int) -> None:
        self.heard.append(("trial", cell, trial, index, number, cell.trials()))
        if self.error is not None:
            raise self.error

    @hookimpl
    def cell_finished(self, cell: CellPlace, rows: Sequence[CellSummary]) -> None:
        self.heard.append(("cell", cell, rows, load_summary(cell.run).cells))


class Watched:
    """A run as plugins see it, whose steps a test takes itself."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.run = RunDirectory(folder)
        self.notes: list[str] = []
        hooks = FinishHooks(registry.finish_hooks, self.run, self.notes.append)
        self.told = Several(SummaryWriter(self.run), hooks)

    def begin(self, **content: Any) -> str:
        for status in ("waiting", "running"):
            self.told.cell([CellSummary(**PLACE, status=status)])
        return self.run.cell(**PLACE).open(content)

    def trial(self, index: int, number: int) -> None:
        append_line(self.run.cell(**PLACE).trials, LINE)
        self.told.trial(LINE, index, number, 4)

    def end(self) -> None:
        self.told.cell([CellSummary(**PLACE, status="searched", target=name) for name in ("a", "b")])


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Watched]:
    """Returns a run that these plugins hear of, each found by an entry point of its own."""

    def watch(*installed: Plugin) -> Watched:
        points = [(plugin, Provenance(f"p{i}", f"package-{i}", "1.0")) for i, plugin in enumerate(installed)]
        monkeypatch.setattr(plugins, "_entry_points", lambda: points)
        return Watched(plugins.load_registry(), tmp_path / "run")

    return watch


def test_each_is_told_in_order_once_it_is_on_the_disk(watched: Callable[..., Watched]) -> None:
    plugin = Plugin()
    run = watched(plugin)
    identity = run.begin(one=1)
    run.trial(1, 1)
    run.trial(5, 2)
    run.end()
    assert [event for event, *_ in plugin.heard] == ["trial", "trial", "cell"]
    folder = run.run.cell(**PLACE).path
    assert {cell for _, cell, *_ in plugin.heard} == {
        CellPlace(**PLACE, run=run.run.path, folder=folder, identity=identity)
    }
    assert [heard[2:] for heard in plugin.heard[:2]] == [(LINE, 1, 1, [LINE]), (LINE, 5, 2, [LINE, LINE])]
    rows, on_the_disk = plugin.heard[2][2:]
    assert list(rows) == on_the_disk
    assert [row.target for row in rows] == ["a", "b"]


def test_results_that_were_moved_aside_have_another_identity(watched: Callable[..., Watched]) -> None:
    plugin = Plugin()
    run = watched(plugin)
    for content in ({"one": 1}, {"one": 2}):
        run.begin(**content)
        run.trial(1, 1)
    (first, second) = [cell.identity for _, cell, *_ in plugin.heard]
    assert first != second
    assert plugin.heard[1][5] == [LINE]


def test_a_cell_that_failed_before_it_wrote_anything_is_told(watched: Callable[..., Watched]) -> None:
    plugin = Plugin()
    run = watched(plugin)
    run.told.cell([CellSummary(**PLACE, status="running")])
    run.told.cell([CellSummary(**PLACE, status="failed", reason="no such model")])
    ((_, cell, rows, _),) = plugin.heard
    assert (cell.identity, rows[0].reason, cell.trials()) == ("", "no such model", [])


@pytest.mark.parametrize("error", [ValueError("it is\nbroken"), SystemExit(3)])
def test_a_hook_that_raises_is_told_of_once_and_not_called_again(
    watched: Callable[..., Watched], error: BaseException
) -> None:
    faulty, good = Plugin(error), Plugin()
    run = watched(faulty, good)
    run.begin()
    run.trial(1, 1)
    run.trial(2, 2)
    run.end()
    assert [event for event, *_ in faulty.heard] == ["trial", "cell"]
    assert [event for event, *_ in good.heard] == ["trial", "trial", "cell"]
    said = " ".join(f"{type(error).__name__}: {error}".split())
    sentence = "The plugin 'p0' of package-0 1.0 failed in trial_finished, which is not called again in this run"
    assert run.notes == [f"{sentence}: {said}"]


def test_an_interruption_is_not_taken_for_a_plugins_fault(watched: Callable[..., Watched]) -> None:
    run = watched(Plugin(KeyboardInterrupt()))
    run.begin()
    with pytest.raises(KeyboardInterrupt):
        run.trial(1, 1)


def test_a_variable_raises_what_a_hook_raises(watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_HUB_RAISE_PLUGIN_ERRORS", "1")
    run = watched(Plugin(ValueError("it is broken")))
    run.begin()
    with pytest.raises(ValueError, match="it is broken"):
        run.trial(1, 1)


def test_a_disabled_plugin_hears_nothing(watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_HUB_DISABLE_PLUGINS", "p0")
    plugin = Plugin()
    run = watched(plugin)
    run.begin()
    run.trial(1, 1)
    run.end()
    assert plugin.heard == []


def test_a_plugin_that_only_hears_changes_neither_the_runs_folder_nor_what_identifies_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task, preset = "ruler/vt", "local_sink"
    spec = build_spec({"models": ("demo",), "benchmarks": (task,), "presets": (preset,)})
    found = plugins._entry_points()

    def identified(points: list[tuple[Any, Provenance]]) -> list[Any]:
        monkeypatch.setattr(plugins, "_entry_points", lambda: points)
        registry = plugins.load_registry()
        matrix = build_matrix(spec, registry)
        dense, sparse = (matrix.identity("a model", task, name) for name in ("dense", preset))
        return [matrix.directory, dense, sparse, matrix.measurement("a model", task)]

    without = [(point, origin) for point, origin in found if origin.plugin != "tensorboard"]
    assert identified([*without, (Plugin(), Provenance("hears", "sparse-hub-hears", "1.0"))]) == identified(without)
