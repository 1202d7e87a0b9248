from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sparse_hub_core import UsageError, build_spec, choice, integer, loguniform
from sparse_hub_core.build_matrix import build_matrix
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.schema import Best
from sparse_hub_core.search.warm_start import earlier_winners, fitting

SPACE = {"size": integer(1, 8), "pair": choice([(1, 2), (3, 4)]), "rate": loguniform(0.01, 1.0)}
POINT = {"size": 3, "pair": (3, 4), "rate": 0.5}
SINK_LOCAL = {"local_window_size": 64, "sink_sink_size": 16}
OWN = Path("runs/run-own")
TASK = "ruler/niah_single_1"


def best(parameters):
    unknown = dict.fromkeys(("cell_identity", "model", "model_source", "task", "preset", "objective_name"), "")
    settings = {name: {} for name in ("search_settings", "validation_settings", "versions")}
    numbers = dict.fromkeys(("objective", "error", "density"), 0.1)
    fields = {**unknown, **settings, **numbers, "maskers": [], "model_revision": None, "seed": 0}
    return Best(**fields | {"device": "cpu", "dtype": "float32", "parameters": parameters})


def through_json(parameters):
    return best(json.loads(json.dumps(parameters)))


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"size": 9}, False),
        ({"size": 3.5}, False),
        ({"pair": (1, 4)}, False),
        ({"pair": "no pair"}, False),
        ({"rate": 1}, True),
        ({"rate": 2.0}, False),
        ({"rate": None}, False),
        ({"another": 1}, False),
    ],
)
def test_only_points_of_the_space_fit(change, fits):
    parameters = POINT | change
    assert fitting([through_json(parameters)], SPACE) == ([parameters] if fits else [])


def test_winners_of_a_smaller_space_do_not_fit():
    assert fitting([best({"size": 3})], SPACE) == []


def test_equal_winners_count_once_and_options_are_the_spaces_own():
    winners = [through_json(POINT), through_json(POINT | {"size": 4}), through_json(POINT)]
    points = fitting(winners, SPACE)
    assert points == [POINT, POINT | {"size": 4}]
    assert all(point["pair"] is SPACE["pair"].options[1] for point in points)


def test_a_file_and_every_winner_below_a_folder_are_read(tmp_path):
    for index, name in enumerate(["a", "b/density-5", "b/density-10"]):
        write_json(tmp_path / name / "best.json", best({"size": index}))
    assert {winner.parameters["size"] for winner in earlier_winners([str(tmp_path)], OWN)} == {0, 1, 2}
    file, folder = str(tmp_path / "a" / "best.json"), str(tmp_path / "b")
    assert [winner.parameters["size"] for winner in earlier_winners([file], OWN)] == [0]
    assert len(earlier_winners([file, folder], OWN)) == 3
    assert earlier_winners([], OWN) == []


def test_what_the_run_found_itself_and_what_was_moved_aside_is_left_out(tmp_path):
    for index, name in enumerate(
        ["run-a/p", "run-own/p", "run-own/p.0123abcd", "run-a/p.0123abcd", "run-a/q.0123abcd.2"]
    ):
        write_json(tmp_path / name / "best.json", best({"size": index}))
    found = earlier_winners([str(tmp_path)], tmp_path / "run-own")
    assert [winner.parameters["size"] for winner in found] == [0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere", "is not there; name a best.json, or the folder of a run."),
        ("nowhere/best.json", "is not there; name a best.json, or the folder of a run."),
        ("runs/run-other", "holds no best.json, as no search there ended with a winner; end that run"),
        ("runs/run-own", "holds only what this run itself found; name another run"),
        ("runs", "holds only what this run itself found; name another run"),
    ],
)
def test_a_path_without_a_winner_is_told_with_what_to_do(tmp_path, monkeypatch, name, told):
    monkeypatch.chdir(tmp_path)
    Path("runs/run-other").mkdir(parents=True)
    write_json(OWN / "p" / "best.json", best({"size": 1}))
    with pytest.raises(UsageError, match=re.escape(f"--warm-start '{name}' {told}")):
        earlier_winners([name], OWN)


def identity(*paths):
    settings = {"models": ("demo",), "benchmarks": (TASK,), "presets": ("local_sink",), "warm_start": paths}
    matrix = build_matrix(build_spec(settings), load_registry(), None)
    return matrix.identity("a model", TASK, "local_sink")


def test_what_a_search_begins_with_is_part_of_the_cells_identity(tmp_path):
    other = SINK_LOCAL | {"sink_sink_size": 4}
    for name, parameters in (("one", SINK_LOCAL), ("same", SINK_LOCAL), ("other", other)):
        write_json(tmp_path / name / "best.json", best(parameters))
    identities = [identity(*[str(tmp_path / name) for name in names]) for names in ([], ["one"], ["same"], ["other"])]
    assert [content["warm_start"] for content in identities] == [[], [SINK_LOCAL], [SINK_LOCAL], [other]]
    assert identities[1] == identities[2]
    assert identities[0] != identities[1] != identities[3]


def test_winners_that_no_preset_can_begin_with_are_told_of(tmp_path):
    write_json(tmp_path / "best.json", best({"other": 1}))
    with pytest.raises(UsageError, match="No preset of this run can begin with the winners that --warm-start names"):
        identity(str(tmp_path))
