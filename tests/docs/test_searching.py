"""docs/searching.md: its commands work, and its counts, names and defaults are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from pages import ROOT, blocks, page

from sparse_hub_core.cli.main import COMMANDS, main
from sparse_hub_core.cli.run import run
from sparse_hub_core.cli.traces import traces
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.schema import Best, MaskerRecord
from sparse_hub_core.search import ladder, winner
from sparse_hub_core.search.schedulers import GRACE_REQUESTS, SchedulerName
from sparse_hub_core.spec import Spec
from sparse_hub_core.traces import measure, replay

DOC = page("searching.md")
LINES = [line for block in blocks(DOC, "sh") for line in block.splitlines()]
EARLIER = Best(
    **dict.fromkeys(("cell_identity", "model", "model_source", "task", "device", "dtype", "objective_name"), "x"),
    model_revision=None,
    preset="local_sink",
    maskers=[MaskerRecord(masker="sink", parameters={"sink_size": 4})],
    parameters={"local_window_size": 64, "sink_sink_size": 4},
    **dict.fromkeys(("objective", "error", "density"), 0.1),
    search_settings={},
    validation_settings={},
    versions={},
    seed=0,
)


@pytest.mark.parametrize("line", LINES)
def test_the_commands_work(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARSE_HUB_TRACE_DIR", str(tmp_path / "traces"))
    write_json(tmp_path / "runs/run-0123456789/demo/ruler__vt/local_sink/best.json", EARLIER)
    program, *arguments = shlex.split(line)
    assert program == "sparse-hub"
    starts = arguments[0] in ("run", "search")
    dry = [] if "--dry-run" in arguments or not starts else ["--dry-run"]
    assert main([*arguments, *dry]) == 0, capsys.readouterr().err
    assert (" configurations at F" in capsys.readouterr().out) == starts


def test_every_flag_of_the_page_is_one() -> None:
    known = {name for command in (run, traces) for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"--[a-z][a-z-]*", DOC)) <= {*known, "--dry-run"}
    assert set(re.findall(r"`sparse-hub ([a-z-]+)", DOC)) <= COMMANDS.keys()


def test_the_ladder_has_the_counts_of_the_page() -> None:
    table = DOC.partition("<!-- ladder -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) == 5
    climbed = ladder.rungs("ladder", masks_prefix=False)
    for row in table:
        told, *counts = (value.strip() for value in row.strip("|").split("|"))
        expected = ladder.expected_counts(int(told.split(",")[0]), climbed, 3 if "pareto" in told else 1)
        assert [int(count) for count in counts] == list(expected.values())


def test_the_concepts_name_the_counts_of_a_default_search() -> None:
    counts = ladder.expected_counts(Spec().num_samples, ladder.rungs("ladder", masks_prefix=False), 1)
    told = "With {F0} configurations at F0, {F1} reach F1, {F2} reach F2 and {F3} reach F3."
    assert told.format(**counts) in page("concepts.md")


def test_every_algorithm_objective_and_scheduler_is_named() -> None:
    registry = load_registry()
    names = [entry.name for entries in (registry.search_algorithms, registry.objectives) for entry in entries]
    for name in (*names, *SchedulerName.__args__):
        assert f"`{name}`" in DOC or f"`{name.removeprefix('sparsity')}`" in DOC


@pytest.mark.parametrize(
    "told",
    [
        f"`--trace-max-gb` ({Spec().trace_max_gb:g})",
        "by default " + ", ".join(f"{density:g}" for density in Spec().densities[:-1]),
        f"and {Spec().densities[-1]:g} |",
        f"Below {ladder.POOR_CORRELATION:g} it counts as poor",
        f"never fewer than {ladder.FINALISTS} for each winner",
        "{F0} at F0 and F1, {F2} at F2, {F3} at\nF3".format(**ladder.SEEDS),
        f"F0 sees the first {ladder.REQUEST_SHARES['F0']:.0%} of the search requests",
        f"never fewer than {ladder.MIN_REQUESTS}; F3 sees all",
        f"the {winner.CONFIDENCE:.0%} t-interval",
        f"{replay.SUBSET_QUESTION_POSITIONS} positions of each",
    ],
)
def test_the_numbers_are_those_of_the_code(told: str) -> None:
    assert told in DOC


def test_numbers_in_words_are_those_of_the_code() -> None:
    assert (ladder.REDUCTION_FACTOR, ladder.SPREAD_SHARE) == (3, 0.25), "a third goes on, a quarter is spread"
    assert ladder.SEEDS["F0"] == ladder.SEEDS["F1"]
    assert ladder.REQUEST_SHARES["F1"] == ladder.REQUEST_SHARES["F2"] == 0.5, "the first half"
    assert (replay.SUBSET_SHARE, replay.MIN_LAYERS) == (0.25, 4), "a quarter of the layers, four at least"
    assert measure.SUBSET_QUESTIONS == 3, "up to three questions"
    assert GRACE_REQUESTS == 2, "none stops before the second"


def test_the_readme_leads_here() -> None:
    assert "(docs/searching.md)" in (ROOT / "README.md").read_text()
