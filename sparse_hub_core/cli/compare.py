"""``sparse-hub compare``: presets of one or several runs beside each other."""

from __future__ import annotations

import sys

import click

from sparse_hub_core.cli.find_run import run_directory
from sparse_hub_core.cli.show import format_option
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.formats import Format


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@format_option
def compare(runs: tuple[str, ...], as_format: Format) -> None:
    """Say which presets of some RUNs are better, and whether that is noise.

    Presets are compared in pairs, by model and task, on the questions that both answered in their validation. A single
    RUN has its presets compared with each other. RUN is its folder, a file in it, or its id in runs/.
    """
    # They bring scipy, which --help has no use for.
    from sparse_hub_core.report.arms import read_sources
    from sparse_hub_core.report.compared import compare_runs
    from sparse_hub_core.report.compared_tables import comparison_json, pairs_table, write_comparison
    from sparse_hub_core.report.formats import Markdown, Screen, csv_text, json_text

    sources = read_sources([run_directory(run) for run in runs])
    compared = compare_runs(sources, load_registry())
    if as_format == "json":
        sys.stdout.write(json_text(comparison_json(sources, compared)))
    elif as_format == "csv":
        sys.stdout.write(csv_text(pairs_table(compared)))
    else:
        write_comparison(compared, Markdown() if as_format == "md" else Screen())
