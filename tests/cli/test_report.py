from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.html import write_report
from sparse_hub_core.report.notes import io_sentence, notes, within_noise_sentence
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.report.rows import COSTS, cell_row, failures, summary_table
from sparse_hub_core.report.text import column_widths, plain_table, write_table
from sparse_hub_core.report.write_run import write_cells
from sparse_hub_core.results.files import read_json
from sparse_hub_core.results.schema import Interval, MaskerRecord, OtherScores, StratumScores, SummaryFile


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def test_a_row_says_score_difference_interval_and_n(cells):
    row = cell_row(cells[1])
    assert (row.score, row.dense) == ("93.75", "95")
    assert row.difference == "-1.25 [-4, +1.5], n=40 in 20 requests"
    assert row.verdict == "within noise"
    assert row.density == "4.00% / 3.00%"
    assert row.error == "0.0123 / 0.0456"
    assert row.trials == "8 ok, 2 pruned"


def test_verdicts_follow_the_interval_and_the_metrics_direction(cells):
    assert [cell_row(cell).verdict for cell in cells] == ["baseline", "within noise", "worse than dense", "failed"]
    falling = cells[2].validation.model_copy(update={"higher_is_better": False})
    assert cell_row(cells[2].model_copy(update={"validation": falling})).verdict == "better than dense"


def test_a_cell_that_was_only_searched_shows_its_density_in_search(cells):
    row = cell_row(cells[2].model_copy(update={"validation": None, "status": "searched"}))
    assert (row.score, row.verdict, row.density) == ("-", "not validated", "4.00% / -")


def test_cells_keep_their_order_and_columns_that_tell_nothing_are_left_out(cells):
    headings, rows = summary_table(cells)
    assert [row[0] for row in rows] == ["dense", "sink_local_oracle_top_k", "local_sink", "broken"]
    assert "model" not in headings
    assert "task" not in headings
    other = [cell.model_copy(update={"model": "other"}) for cell in cells]
    assert "model" in summary_table([*cells, *other])[0]


def test_noise_is_explained_only_where_there_is_some(cells):
    assert "the 95% interval of the difference contains 0" in within_noise_sentence(cells)
    assert within_noise_sentence([cells[0], cells[2]]) is None


def test_io_density_is_shown_and_explained_where_it_was_measured(cells):
    headings, rows = summary_table(cells)
    assert rows[1][headings.index("I/O density")] == "43.00%"
    assert "the bytes read" in io_sentence(cells)
    assert io_sentence([cells[0]]) is None


def test_failed_cells_say_why(cells):
    assert failures(cells) == ["demo, ruler/niah_multikey_2, broken: No trial was ok: 10 ran out of <memory>."]


@pytest.mark.parametrize("index", [1, 2])
def test_the_pasted_configuration_is_the_saved_one(cells, run_folder, registry, index):
    path = next(run_folder.glob(f"*/*/{cells[index].preset}/best.json"))
    text = as_python(cells[index].best, path, registry)
    names: dict[str, object] = {}
    exec(text, names)
    assert names["attention"].masker_configs == SparseAttention.load(path).masker_configs
    names.clear()
    exec("from sparse_hub_core import SparseAttention\n" + text.splitlines()[-1].removeprefix("# or: "), names)
    assert names["attention"].masker_configs == SparseAttention.load(path).masker_configs


def test_a_masker_that_is_not_installed_goes_by_its_name(cells, registry):
    missing = cells[1].best.model_copy(update={"maskers": [MaskerRecord(masker="gone", parameters={"k": (1, 2)})]})
    text = as_python(missing, Path("best.json"), registry)
    assert "from sparse_hub_core import SparseAttention, get_masker_config" in text
    assert "get_masker_config('gone')" in text


def test_plain_tables_are_aligned_and_never_cut():
    assert plain_table(["a", "long"], [["x" * 200, "1"], ["y", "2"]]).splitlines() == [
        f"{'a':<200}  long",
        f"{'x' * 200}  1",
        f"{'y':<200}  2",
    ]


def test_a_terminal_gets_a_rich_table_without_markup(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    write_table(["name"], [["[bold]sparse[/bold]"]])
    assert "[bold]sparse[/bold]" in capsys.readouterr().out


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_self_contained_and_escaped(run_folder):
    text = write_report(run_folder, read_json(run_folder / "summary.json", SummaryFile)).read_text()
    page = Page()
    page.feed(text)
    names = [tag for tag, _ in page.tags]
    assert not {"img", "iframe", "object"} & set(names)
    places = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert all(place.startswith(("#", "data:")) for place in places)
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert(1)" not in text
    assert "out of &lt;memory&gt;" in text
    assert "the 95% interval of the difference contains 0" in text
    assert "SparseAttention.load(" in text


def test_a_run_without_cells_has_a_page_too(tmp_path):
    assert "run-0" in write_report(tmp_path, SummaryFile(run_id="run-0", cells=[])).read_text()


def interval(mean, low, high):
    return Interval(mean=mean, low=low, high=high, n=40, clusters=20)


def sampled(cells, **validation):
    changed = []
    for summary in cells[:2]:
        judged = summary.validation.model_copy(update=validation)
        best = summary.best and summary.best.model_copy(update={"num_requests": 10, "truncated_requests": 3})
        changed.append(summary.model_copy(update={"task": "books/qa@sample", "validation": judged, "best": best}))
    return changed


def test_a_sample_is_named_in_every_table_and_explained(cells):
    run = sampled(cells)
    headings, rows = summary_table(run, COSTS)
    assert "books/qa@sample" in rows[0][headings.index("task")]
    assert any("small offline sample" in note for note in notes(run))
    assert not any("sample" in note for note in notes(cells))


def test_contexts_that_were_cut_are_counted(cells):
    run = sampled(cells, truncated_requests=5, num_requests=20)
    (sentence,) = [note for note in notes(run) if "cut in their middle" in note]
    assert "3 of 10 to search on in books/qa@sample" in sentence
    assert sentence.count("5 of 20 to validate on") == 1


def test_hidden_answers_show_no_score_and_say_so(cells):
    run = sampled(cells, dense=None, sparse=None, difference=None, within_noise=None)
    headings, rows = summary_table(run)
    assert [row[headings.index("verdict")] for row in rows] == ["baseline", "no answers"]
    assert any("are not published" in note for note in notes(run))


def test_further_metrics_and_strata_have_a_table(cells, capsys, registry):
    scores = {"dense": interval(50.0, 40.0, 60.0), "sparse": interval(45.0, 35.0, 55.0), "difference": None}
    strata = [StratumScores(group="difficulty", stratum="easy", **scores)]
    run = sampled(cells, other_scores=[OtherScores(metric="bleu4", **scores)], strata=strata)
    write_cells(run, registry, lambda cell: Path("best.json"))
    said = capsys.readouterr().out
    assert re.search(r"books/qa@sample +demo +bleu4 +45 +50 ", said)
    assert "difficulty: easy" in said


def test_presets_that_failed_for_one_reason_share_a_sentence(cells):
    failed = [cell.model_copy(update={"status": "failed", "reason": "No data."}) for cell in cells[:2]]
    assert failures(failed) == ["demo, ruler/niah_multikey_2, dense, sink_local_oracle_top_k: No data."]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (200, [20, 6, 100]),
        (60, [20, 6, 25]),
        (40, [20, 6, 5]),
        (39, [None, None, None]),
        (80, [20, 6, 45]),
    ],
)
def test_words_stay_whole_and_what_lacks_least_gets_room_first(width, expected):
    columns, rows = ["preset", "p value", "what"], [["sink_local_magic_pig", "<0.001", "long " * 19 + "text!"]]
    assert column_widths(columns, rows, width) == expected
