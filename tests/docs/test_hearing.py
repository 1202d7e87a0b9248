"""The plugin that the docs show for what hears of a run."""

from __future__ import annotations

from pathlib import Path

import pluggy
from pages import blocks, page

from sparse_hub_core import CellPlace, CellSummary, TrialLine, hookspecs

PLACE = {"model": "demo", "task": "ruler/vt", "preset": "local_sink"}


def test_it_keeps_a_diary(tmp_path: Path) -> None:
    (source,) = [block for block in blocks(page("writing-plugins.md"), "python") if "def trial_finished" in block]
    scope: dict[str, object] = {}
    exec(compile(source, "writing-plugins.md", "exec"), scope)
    manager = pluggy.PluginManager("sparse_hub")
    manager.add_hookspecs(hookspecs)
    manager.register(
        type("Diary", (), {name: staticmethod(scope[name]) for name in ("trial_finished", "cell_finished")})
    )
    cell = CellPlace(**PLACE, run=tmp_path, folder=tmp_path / "cell", identity="0123456789")
    trial = TrialLine(parameters={}, status="ok", objective=0.5)
    manager.hook.trial_finished(cell=cell, trial=trial, index=1, number=1)
    manager.hook.cell_finished(cell=cell, rows=[CellSummary(**PLACE, status="failed", reason="no winner")])
    lines = (tmp_path / "diary-01234567.txt").read_text().splitlines()
    assert lines == ["ruler/vt local_sink: F3 ok 0.5", "ruler/vt local_sink: failed  no winner"]
