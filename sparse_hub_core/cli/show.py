"""The commands that look at a finished run: ``show`` and ``report``."""

from __future__ import annotations

from pathlib import Path

import click

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.results.summary import load_summary
from sparse_hub_core.spec import Spec


def run_directory(run: str) -> Path:
    """Return the folder of a run: named as such, by its summary.json, or by its id in the default folder."""
    path = Path(run)
    default = Path(Spec.model_fields["output_dir"].default) / run
    if not path.exists() and default.is_dir():
        return default
    return path.parent if path.is_file() else path


@click.command()
@click.argument("run")
def show(run: str) -> None:
    """Print the summary of a RUN (its folder, or its id in runs/) again."""
    from sparse_hub_core.report.tables import write_summary

    directory = run_directory(run)
    write_summary(load_summary(directory), directory, load_registry())


@click.command()
@click.argument("run")
def report(run: str) -> None:
    """Write the report.html of a RUN (its folder, or its id in runs/) again."""
    from sparse_hub_core.report.html import write_report

    directory = run_directory(run)
    click.echo(f"Wrote {write_report(directory, load_summary(directory))}")
