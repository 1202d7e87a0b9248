"""The commands that look at one run: ``show`` and ``report``."""

from __future__ import annotations

import sys
from typing import get_args

import click

from sparse_hub_core.cli.find_run import run_directory
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.formats import Format
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.results.summary import load_summary

format_option = click.option(
    "--format",
    "as_format",
    type=click.Choice(get_args(Format)),
    default="table",
    show_default=True,
    help="Lines for people, a table of GitHub, values separated by commas, or JSON; the last two are not rounded.",
)


@click.command()
@click.argument("run")
@format_option
def show(run: str, as_format: Format) -> None:
    """Print how a RUN stands or ended: its cells, what is to be known about them, and the best configurations.

    RUN is its folder, a file in it, or its id in runs/, of which the beginning is enough. It may still be going on.
    """
    from sparse_hub_core.report.cells_table import cells_table
    from sparse_hub_core.report.formats import Markdown, Screen, csv_text, json_text
    from sparse_hub_core.report.overview import overview, state_sentence
    from sparse_hub_core.report.write_run import write_run

    directory = run_directory(run)
    summary, is_running = load_summary(directory), RunDirectory(directory).is_running()
    if as_format == "json":
        sys.stdout.write(json_text(summary.model_dump(mode="json")))
    elif as_format == "csv":
        sys.stdout.write(csv_text(cells_table(summary.cells, is_running)))
    else:
        writer = Markdown() if as_format == "md" else Screen()
        state = state_sentence(overview(directory))
        write_run(summary, directory, load_registry(), state, is_running, writer)


@click.command()
@click.argument("run")
def report(run: str) -> None:
    """Write the report.html of a RUN (its folder, or its id in runs/) again."""
    from sparse_hub_core.report.html import write_report

    directory = run_directory(run)
    click.echo(f"Wrote {write_report(directory, load_summary(directory))}")
