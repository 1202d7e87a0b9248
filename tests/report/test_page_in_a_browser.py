"""The page in a real browser without a network: everything is drawn, tables sort, nothing is wider than the window."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from sparse_hub_core.results.files import read_json, write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.schema import RunFile, SummaryFile
from tests.report.conftest import predictions

FIGURES = {"score-io-density-0", "score-density-0", "layers-0"} | {
    f"{kind}-{search}" for kind in ("parameters", "importance", "over-time") for search in (0, 1)
}
SUMMARY = "#tables table"
NAME = "</script><script>window.hacked = 1</script><b>" + "x" * 120
HOSTILE = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"' & <b>bold</b> " + "x" * 500
)


@pytest.mark.parametrize("width", [1280, 390])
def test_every_figure_is_drawn_without_a_complaint_and_fits_the_window(full_folder, report, browser, width):
    browser.show(report(full_folder), width)
    drawn = browser.figures()
    assert set(drawn) == FIGURES
    assert all(drawn.values())
    assert browser.complaints() == []
    assert browser.overflow() <= 0


@pytest.mark.parametrize(
    ("heading", "ascending"),
    [
        ("score ± standard error", ["35", "93.75", "95", "-"]),
        # The row of dense attention has no difference but says its n.
        ("difference [95% interval]", ["-60 [-75, -45]", "-1.25 [-4, +1.5]", "n=40 in 20 requests", "-"]),
        ("preset", ["broken", "dense", "local_sink", "sink_local_oracle_top_k"]),
    ],
)
def test_headings_sort_numbers_as_numbers_both_ways_and_say_so(full_folder, report, browser, heading, ascending):
    browser.show(report(full_folder))
    button = browser.run(
        "return [...document.querySelectorAll('#tables th button')].find((one) => one.textContent === arguments[0])",
        heading,
    )
    is_number = [text[-1].isdigit() or "[" in text for text in ascending]
    num = sum(is_number) or len(ascending)
    button.send_keys(Keys.ENTER)
    assert [text.split(", n=")[0] for text in browser.column(SUMMARY, heading)] == ascending
    assert browser.run("return arguments[0].parentElement.getAttribute('aria-sort')", button) == "ascending"
    button.click()
    falling = [*reversed(ascending[:num]), *ascending[num:]]
    assert [text.split(", n=")[0] for text in browser.column(SUMMARY, heading)] == falling
    assert browser.run("return arguments[0].parentElement.getAttribute('aria-sort')", button) == "descending"


def test_figures_have_words_and_numbers_besides(full_folder, report, browser):
    browser.show(report(full_folder))
    plots = browser.run("return [...document.querySelectorAll('.plot')]")
    assert all(plot.get_attribute("role") == "img" and plot.get_attribute("aria-label") for plot in plots)
    assert browser.run("return document.querySelectorAll('figure > details table').length") == len(plots)


def test_what_models_and_plugins_say_is_shown_and_never_run(full_folder, report, browser):
    summary = read_json(full_folder / "summary.json", SummaryFile)
    run = RunDirectory(full_folder)
    hostile = []
    for cell in summary.cells:
        new = cell.model_copy(update={"preset": f"{cell.preset}{NAME}", "reason": HOSTILE})
        if cell.preset != "dense":
            run.cell(*cell.place).path.mkdir(exist_ok=True)
            run.cell(*cell.place).path.rename(run.cell(*new.place).path)
        hostile.append(cell if cell.preset == "dense" else new)
    write_json(full_folder / "summary.json", SummaryFile(run_id=summary.run_id, cells=hostile))
    for path in full_folder.glob("*/*/*/predictions.jsonl"):
        said = [
            line.model_copy(update={"sparse_prediction": HOSTILE, "references": [HOSTILE]}) for line in predictions(9)
        ]
        path.write_text("".join(f"{line.model_dump_json()}\n" for line in said))
    for path in full_folder.glob("*/*/*/trials.jsonl"):
        path.write_text(
            path.read_text().replace('"window"', '"<b>win</b>&amp;' + "w" * 300 + '"').replace('"a"', '"<i>a"')
        )
    browser.show(report(full_folder), width=390)
    assert all(browser.figures().values())
    assert browser.complaints() == []
    assert browser.overflow() <= 0
    assert browser.run("return window.hacked") is None
    assert browser.run("return document.querySelectorAll('img, b, i').length") == 0
    shown = browser.run("return document.querySelector('#disagreements .question pre').textContent")
    assert shown.startswith(HOSTILE[:100])
    labels = browser.run("return [...document.querySelectorAll('#layers-0 .ytick text')].map((t) => t.textContent)")
    assert any("</script><script>" in label for label in labels)


def test_a_run_that_goes_on_has_a_page_that_says_so(full_folder, report, browser, cut_off):
    run_file = read_json(full_folder / "run.json", RunFile)
    write_json(full_folder / "run.json", run_file.model_copy(update={"status": "running", "seconds": None}))
    summary = read_json(full_folder / "summary.json", SummaryFile)
    dense, first, second, failed = summary.cells
    going = [
        dense,
        first.model_copy(update={"status": "running", "best": None, "validation": None}),
        second.model_copy(update={"status": "waiting", "best": None, "validation": None}),
        failed,
    ]
    write_json(full_folder / "summary.json", SummaryFile(run_id=summary.run_id, cells=going))
    cut_off(RunDirectory(full_folder).cell(*first.place))
    with RunDirectory(full_folder).locked():
        page = report(full_folder)
    browser.show(page)
    assert all(browser.figures("[data-webgl=false]").values())
    assert browser.complaints() == []
    text = browser.run("return document.body.innerText")
    assert "This run goes on" in text
    assert "0 of 3 winners are validated; 1 running, 1 waiting, 1 failed." in text
    assert "is cut off and was dropped" in text


def test_parallel_coordinates_beyond_what_a_browser_keeps_are_drawn_again_when_seen(full_folder, report, browser):
    page = report(full_folder)
    page.write_text(page.read_text().replace('data-most-webgl="4"', 'data-most-webgl="1"'))
    browser.show(page, width=390)
    assert set(browser.figures("[data-webgl=true]")) == {"parameters-0", "parameters-1"}
    states = "return [...document.querySelectorAll('[data-webgl=true]')].map((plot) => plot.dataset.state)"
    assert browser.run(states) == ["", "drawn"]
    assert all(browser.figures("#parameters-0").values())
    assert browser.run(states) == ["drawn", ""]
    assert browser.complaints() == []


def test_paper_has_figures_of_its_width_and_tables_in_place_of_lines(full_folder, report, browser):
    browser.show(report(full_folder))
    browser.figures()
    shape = (
        "return [...document.querySelectorAll('.plot[data-webgl=false] > div .main-svg:first-child')]"
        ".map((one) => one.getBoundingClientRect().width)"
    )
    opened = "return document.querySelectorAll('details.numbers[open]').length"
    wide = browser.run(shape)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert set(browser.run(shape)) == {680}
    assert browser.run(opened) == 2
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run(shape) == wide
    assert browser.run(opened) == 0
    assert browser.complaints() == []


def test_a_browser_without_webgl_is_pointed_to_the_table(full_folder, report, browser):
    page = report(full_folder)
    none = "HTMLCanvasElement.prototype.getContext = () => null;"
    page.write_text(page.read_text().replace("<body", f"<script>{none}</script>\n<body", 1))
    browser.show(page)
    told = browser.run("return document.querySelector('figure.table-only').innerText")
    assert told.startswith("The lines need WebGL")
    assert browser.run("return document.querySelector('figure.table-only table').offsetHeight") > 0
    assert "get.webgl.org" not in browser.run("return document.body.innerText")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_toolbar_covers_nothing_that_is_drawn(full_folder, report, browser, width):
    browser.show(report(full_folder), width)
    browser.figures("#over-time-0, #layers-0")
    covered = browser.run(
        "const box = (one) => one.getBoundingClientRect();"
        "return [...document.querySelectorAll('#over-time-0 .modebar, #layers-0 .modebar')]"
        ".map((bar) => box(bar).bottom - box(bar.closest('.plot').querySelector('.nsewdrag')).top)"
    )
    assert len(covered) == (2 if width == 1280 else 0)
    assert all(pixels <= 0 for pixels in covered)
