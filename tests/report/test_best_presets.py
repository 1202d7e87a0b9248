"""The answer that the page gives first."""

from __future__ import annotations

import pytest

from sparse_hub_core.report.best_presets import best_preset
from sparse_hub_core.report.files import read_run
from sparse_hub_core.results.files import read_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import SummaryFile
from tests.cli.conftest import interval
from tests.report.conftest import predictions


def answer(folder, registry, change=lambda cell: cell):
    summary = read_json(folder / "summary.json", SummaryFile)
    changed = SummaryFile(run_id=summary.run_id, cells=[change(cell) for cell in summary.cells])
    (task,) = read_run(folder, changed).tasks
    return best_preset(task, registry)


def replies(folder, cell, lost):
    path = RunDirectory(folder).cell(*cell.place).predictions
    path.write_text("".join(f"{line.model_dump_json()}\n" for line in predictions(lost)))


def test_the_best_preset_comes_with_its_numbers_and_its_configuration(full_folder, registry):
    found = answer(full_folder, registry)
    assert (found.name, found.verdict, found.kind) == ("sink_local_oracle_top_k", "within noise", "within")
    numbers = dict(found.numbers)
    assert numbers["difference"] == "-1.25 [-4, +1.5]"
    assert numbers["n"] == "40 questions in 20 requests"
    assert numbers["I/O density"] == "43.00%"
    assert "OracleTopKConfig(heavy_size=0.05)" in found.python
    told = " ".join(found.sentences)
    assert "the interval leaves room for a loss of 4." in told
    assert "It was chosen among 2 winners on the very questions" in told


def test_the_cheapest_of_those_that_cannot_be_told_from_the_best_is_taken(full_folder, registry, cells):
    replies(full_folder, cells[2], lost=2)

    def cheap(cell):
        if cell.preset != "local_sink":
            return cell
        return cell.model_copy(update={"validation": cell.validation.model_copy(update={"io_density_validation": 0.1})})

    found = answer(full_folder, registry, cheap)
    assert found.name == "local_sink"
    told = " ".join(found.sentences)
    assert "this is the cheapest of those whose 95% interval of the difference from it holds 0" in told


def test_without_the_answers_the_best_mean_is_taken_and_that_is_said(run_folder, registry):
    found = answer(run_folder, registry)
    assert found.name == "sink_local_oracle_top_k"
    assert any("answers to the questions are missing" in sentence for sentence in found.sentences)


def test_hidden_answers_leave_the_lowest_error(run_folder, registry):
    def hide(cell):
        hidden = {"dense": None, "sparse": None, "difference": None, "within_noise": None}
        error = {"error_mean": 0.5 if cell.preset == "local_sink" else cell.validation and cell.validation.error_mean}
        validation = cell.validation and cell.validation.model_copy(update=hidden | error)
        return cell.model_copy(update={"validation": validation})

    found = answer(run_folder, registry, hide)
    assert found.name == ""
    assert "0.0123, is that of sink_local_oracle_top_k." in found.sentences[0]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("searched", "0 of 3 winners are validated; 3 searched but not validated."),
        ("waiting", "0 of 3 winners are validated; 3 waiting."),
        ("failed", "0 of 3 winners are validated; 3 failed."),
    ],
)
def test_what_is_missing_is_said_where_there_is_no_answer_yet(run_folder, registry, status, told):
    def unfinished(cell):
        return cell.model_copy(update={"status": status, "validation": None})

    found = answer(run_folder, registry, unfinished)
    assert (found.name, found.sentences) == ("", (told,))


def test_answers_to_other_questions_cannot_be_compared_and_that_is_said(full_folder, registry, cells):
    path = RunDirectory(full_folder).cell(*cells[1].place).predictions
    path.write_text(path.read_text().replace("request-", "other-"))
    found = answer(full_folder, registry)
    assert found.name == "sink_local_oracle_top_k"
    assert any("share no question" in sentence for sentence in found.sentences)


@pytest.mark.parametrize(
    ("best", "validation", "told"),
    [
        ({}, {}, None),
        ({}, {"io_density_validation": 1.595}, "I/O density 159.50%, 5 ms per token against dense attention's 9. It"),
        (
            {"density": 0.8, "objective": 5.145},
            {},
            "density 80.00% in search, so its objective, 5.145, has the penalty",
        ),
        (
            {},
            {"score_range": (0.0, 500.0)},
            "it scores 95, nearer than 20% of the range to the worst score, 0 (the best",
        ),
        ({}, {"score_range": (0.0, 100.0)}, None),
        ({}, {"score_range": (0.0, 100.0), "higher_is_better": False}, "the worst score, 100 (the best is 0)."),
    ],
)
def test_an_answer_with_a_reason_not_to_take_it_says_so_itself(run_folder, registry, best, validation, told):
    def change(cell):
        if cell.validation is None or cell.best is None:
            return cell
        changes = {"best": cell.best.model_copy(update=best)}
        return cell.model_copy(update=changes | {"validation": cell.validation.model_copy(update=validation)})

    warnings = " ".join(answer(run_folder, registry, change).warnings)
    assert warnings == "" if told is None else told in warnings


def test_an_interval_that_leaves_out_0_where_the_test_does_not_tell_is_explained(run_folder, registry, cells):
    unsure = {"difference": interval(-15.0, -28.0, -2.0), "p_value": 0.0625, "test": "exact McNemar test"}

    def change(cell):
        changed = cell.validation and cell.validation.model_copy(update=unsure if cell.best else {})
        return cell.model_copy(update={"validation": changed})

    told = " ".join(answer(run_folder, registry, change).sentences)
    assert "The interval leaves out 0, but the adjusted p is 0.12, above 0.05." in told
