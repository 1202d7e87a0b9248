"""docs/reading-a-report.md has the sections and the warnings of the report itself."""

from __future__ import annotations

import re

from pages import ROOT, page

from sparse_hub_core.report import cautions, doubts

DOC = page("reading-a-report.md")
REPORT = (ROOT / "sparse_hub_core/report/templates/report.html.j2").read_text()


def test_every_section_of_the_report_is_explained_in_its_order() -> None:
    assert re.findall(r"^## (.+)$", DOC, re.MULTILINE) == re.findall(r"<h2>(.+)</h2>", REPORT)


def test_every_warning_has_what_to_do() -> None:
    kinds = {cautions.OVER_BUDGET[0], cautions.TOO_FEW[0], cautions.DISAGREE[0], cautions.SHIFTS[0]}
    kinds |= {doubts.READS_MORE[0], doubts.OVER_HALF[0], doubts.HARDLY_DONE[0]}
    assert set(re.findall(r"^\| (\w[^|]+) \| [^|]+ \|$", DOC, re.MULTILINE)) - {"warning"} == kinds
