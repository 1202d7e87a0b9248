"""What the figures draw, from the numbers they are given."""

from __future__ import annotations

import json

import pytest

from sparse_hub_core.report.figures.axes import axis
from sparse_hub_core.report.figures.figure import plain
from sparse_hub_core.report.figures.layer_errors import layer_errors
from sparse_hub_core.report.figures.parallel_coordinates import parallel_coordinates
from sparse_hub_core.report.figures.parameter_importance import parameter_importance
from sparse_hub_core.report.figures.score_density import MOST, Point, pareto_front, score_density
from sparse_hub_core.report.figures.search_over_time import best_so_far, search_over_time
from sparse_hub_core.report.importance import importances
from sparse_hub_core.report.outcome import measured, outcome_of
from sparse_hub_core.results.schema import TrialLine
from tests.cli.conftest import interval
from tests.report.conftest import trial, trials


def point(name, cost, score):
    return Point(name, name, cost, interval(score, score - 1.0, score + 1.0))


def drawn(figure):
    return json.loads(figure.json)


@pytest.mark.parametrize(
    ("higher_is_better", "front"),
    [(True, ["cheap", "middle", "best"]), (False, ["cheap", "worse"])],
)
def test_the_front_is_what_nothing_else_beats(higher_is_better, front):
    points = [
        *(point("best", 0.4, 90.0), point("beaten", 0.45, 80.0), point("middle", 0.2, 60.0)),
        *(point("cheap", 0.05, 20.0), point("worse", 0.2, 10.0), point("same cost", 0.4, 30.0)),
    ]
    assert [one.name for one in pareto_front(points, higher_is_better)] == front


def test_of_two_with_the_same_score_the_cheaper_one_is_on_the_front():
    assert [one.name for one in pareto_front([point("b", 0.3, 50.0), point("a", 0.1, 50.0)], True)] == ["a"]


def test_the_scatter_has_winners_intervals_dense_and_the_front(cells):
    figure = score_density("f", cells, "density")
    traces = {trace["name"]: trace for trace in drawn(figure)["data"]}
    assert traces["dense"]["y"] == [95.0, 95.0]
    assert (min(traces["dense, 95% interval"]["y"]), max(traces["dense, 95% interval"]["y"])) == (85.0, 100.0)
    winner = traces["local_sink"]
    assert (winner["x"], winner["y"]) == ([0.03], [35.0])
    assert (winner["error_y"]["array"], winner["error_y"]["arrayminus"]) == ([65.0], [-50.0])
    assert traces["Pareto front"]["y"] == [93.75]
    assert "Pareto front: sink_local_oracle_top_k." in figure.label
    assert [row[-1] for row in figure.table.rows] == ["yes", "no"]


def test_dense_attention_is_a_point_of_the_io_figure_and_of_its_front(cells):
    def reading(io_density):
        judged = cells[1].validation.model_copy(update={"io_density_validation": io_density})
        return [cells[0], cells[1].model_copy(update={"validation": judged})]

    for io_density, front in ((1.6, "dense."), (0.4, "sink_local_oracle_top_k; dense.")):
        figure = score_density("f", reading(io_density), "I/O density")
        assert figure.label.endswith(f"Pareto front: {front}")
        assert drawn(figure)["layout"]["shapes"][0]["x0"] == 1.0
        assert drawn(figure)["layout"]["xaxis"]["range"][1] > 1.0
        assert figure.table.rows[0][:2] == ("dense", "100.00%")
    assert "shapes" not in drawn(score_density("f", reading(1.6), "density"))["layout"]


def test_presets_differ_in_colour_and_in_shape(cells):
    traces = drawn(score_density("f", cells, "density"))["data"]
    markers = [trace["marker"] for trace in traces if trace["mode"].startswith("markers")]
    assert len({marker["color"] for marker in markers}) == len({marker["symbol"] for marker in markers}) == 2


def test_of_very_many_winners_some_are_drawn_and_the_page_says_so(cells):
    many = [cells[2].model_copy(update={"preset": f"preset_{number}"}) for number in range(MOST + 5)]
    figure = score_density("f", many, "density")
    assert f"{MOST} of {MOST + 5} winners are drawn" in figure.caption
    assert len(figure.table.rows) == MOST + 5


def test_nothing_is_drawn_where_nothing_was_validated(cells):
    searched = [cell.model_copy(update={"validation": None}) for cell in cells]
    assert score_density("f", searched, "density") is None
    assert score_density("f", cells[:1], "density") is None
    assert layer_errors("f", searched) is None


def test_the_heat_map_has_a_row_per_winner_and_gaps_where_a_layer_is_dense(cells):
    figure = layer_errors("f", cells)
    (trace,) = drawn(figure)["data"]
    assert trace["x"] == ["0", "1", "3"]
    assert trace["z"] == [[0.01, 0.02, 0.005], [0.5, None, None]]
    assert figure.table.rows[1] == ("local_sink", "0.5", "-", "-")


def test_axes_of_numbers_texts_and_wide_ranges():
    assert axis("n", [1, 2, 2]).ticks == ((1.0, "1"), (2.0, "2"))
    assert axis("n", [1, 10, 1000]).values == (0.0, 1.0, 3.0)
    assert axis("n", [1, 10, 1000]).ticks[-1] == (3.0, "1000")
    assert axis("n", [0, 1000]).values == (0.0, 1000.0)
    texts = axis("n", ["b", "a", None])
    assert texts.ticks == ((0.0, "a"), (1.0, "b"), (2.0, "null"))
    assert texts.values == (1.0, 0.0, 2.0)
    assert axis("n", [True, [1, 2]]).ticks == ((0.0, "[1, 2]"), (1.0, "true"))


def test_parallel_coordinates_run_through_what_varied_to_the_objective():
    found = measured(trials())
    figure = parallel_coordinates("f", "a search", found, most=10)
    (trace,) = drawn(figure)["data"]
    assert [one["label"] for one in trace["dimensions"]] == [
        "window",
        "useless",
        "rate",
        "attention error",
        "objective",
    ]
    assert len(trace["line"]["color"]) == 10
    assert "These are the best of 30." in figure.caption
    best = min(found.values)
    assert trace["dimensions"][-1]["values"][-1] == pytest.approx(best)
    assert trace["dimensions"][-1]["range"][1] == pytest.approx(max(found.values))
    assert figure.table.rows[0][0] == f"{best:.4g}"


def test_a_search_in_which_no_parameter_varied_has_no_parallel_coordinates():
    assert parallel_coordinates("f", "s", measured([trial({"w": 1}, "F0", error) for error in (0.1, 0.2)]), 10) is None


def test_the_search_over_time_tells_rungs_pruned_and_unmeasured_trials_apart():
    lines = trials()
    figure = search_over_time("f", "a search", lines, most=1000)
    traces = {trace.get("name"): trace for trace in drawn(figure)["data"]}
    assert {"F0", "F1", "F2", "F3", "F3, pruned", "not measured"} <= set(traces)
    assert len({traces[rung]["marker"]["symbol"] for rung in ("F0", "F1", "F2", "F3", "F3, pruned")}) == 5
    assert traces["not measured"]["x"] == [len(lines) - 2, len(lines) - 1, len(lines)]
    assert traces["not measured"]["text"][0] == "not tried: a reason to be infeasible"
    assert figure.table.rows[0][:3] == ("F0", "30", "30 ok")
    assert "1 pruned" in figure.table.rows[-1][2]


def test_of_very_many_trials_the_last_are_drawn_and_the_page_says_so():
    figure = search_over_time("f", "a search", trials(num=200), most=50)
    assert "The last 50 of 216 trials are drawn." in figure.caption
    assert min(min(trace["x"]) for trace in drawn(figure)["data"]) == 167


def test_best_so_far_falls_only():
    assert best_so_far([3.0, 4.0, 1.0, 2.0]) == [3.0, 3.0, 1.0, 1.0]


def test_a_search_with_a_winner_per_density_shows_its_error_instead_of_an_objective():
    lines = [line.model_copy(update={"objective": None}) for line in trials()]
    assert outcome_of(lines).name == "attention error"
    assert "no single objective" in search_over_time("f", "s", lines, most=10).caption
    assert measured(lines).values[0] == lines[0].error
    assert measured([TrialLine(parameters={}, status="error")]) is None


def test_bars_beyond_chance_stand_out():
    found = measured(trials())
    figure = parameter_importance("f", importances([one.parameters for one in found.trials], found.values), found)
    bars = drawn(figure)["data"][0]
    assert len(set(bars["marker"]["color"])) == 2
    assert figure.caption.startswith("More than chance: window. n=30 configurations at F0. One-way on ranks (Kruskal")


def test_text_is_shown_by_plotly_as_it_is_and_cannot_leave_its_script(cells):
    assert plain("a <b>bold</b> & name") == "a &lt;b&gt;bold&lt;/b&gt; &amp; name"
    hostile = [cell.model_copy(update={"preset": "</script><b>"}) for cell in cells]
    figure = score_density("f", hostile, "density")
    assert "<" not in figure.json
    assert "&lt;/script&gt;" in drawn(figure)["data"][-1]["name"]
