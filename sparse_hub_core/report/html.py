"""report.html: one self-contained page about a run."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.files import read_run
from sparse_hub_core.report.page import Page, build_page
from sparse_hub_core.results.files import write_text
from sparse_hub_core.results.run_directory import RunDirectory

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.results.schema import SummaryFile


def write_report(directory: Path, summary: SummaryFile, registry: Registry | None = None) -> Path:
    """Write report.html into a run's folder, in one step, and return its path.

    The run may go on, or have ended in any way: what is missing is said on the page.

    Raises:
        SparseHubError: The folder cannot be written.
    """
    path = RunDirectory(directory).report
    page = build_page(read_run(directory, summary), registry or load_registry(), datetime.now(timezone.utc))
    write_text(path, render(page))
    return path


def render(page: Page) -> str:
    """Return the page as HTML; what comes from plugins, models or files is escaped.

    Safe as they are: plotly's own code, and a figure's JSON, in which ``as_json`` escapes "<".
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("sparse_hub_core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(page=page, plotly=get_plotlyjs())
