"""``sparse-hub runs``: what runs there are."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from sparse_hub_core.cli.find_run import runs_in
from sparse_hub_core.cli.show import format_option
from sparse_hub_core.errors import UsageError
from sparse_hub_core.report.formats import Format
from sparse_hub_core.spec import Spec


@click.command("runs")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--output-dir", type=click.Path(path_type=Path), help="The same as DIRECTORY, as run has it.")
@format_option
def runs(directory: Path | None, output_dir: Path | None, as_format: Format) -> None:
    """List the runs in DIRECTORY (runs/ by default), those that changed last first.

    A run is running only while a process writes to it; one that was killed is interrupted.
    """
    from sparse_hub_core.report.formats import Markdown, Screen, csv_text, json_text
    from sparse_hub_core.report.overview import Overview, is_run, overview
    from sparse_hub_core.report.runs_table import for_people, runs_table

    if directory is not None and output_dir is not None:
        raise UsageError("DIRECTORY and --output-dir are the same; give one of them.")
    directory = directory or output_dir
    folder = directory or Path(Spec.model_fields["output_dir"].default)
    if directory is not None and not directory.is_dir():
        raise UsageError(f"{directory} is no folder; name the --output-dir of your runs.")
    found: list[Overview] = []
    num_damaged = 0
    for path in [folder] if is_run(folder) else runs_in(folder):
        try:
            found.append(overview(path))
        except UsageError as error:
            num_damaged += 1
            click.echo(f"Note: {path.name} is left out: {error}", err=True)
    table = runs_table(sorted(found, key=lambda run: run.changed, reverse=True))
    if as_format == "json":
        sys.stdout.write(json_text(table.records))
    elif as_format == "csv":
        sys.stdout.write(csv_text(table))
    elif found:
        is_narrow = as_format == "table" and sys.stdout.isatty()
        shown, left_out = for_people(table, shutil.get_terminal_size().columns if is_narrow else None)
        (Markdown() if as_format == "md" else Screen()).table(shown.headings, shown.texts)
        if left_out:
            click.echo(f"No room for {', '.join(left_out)}; a wider window or --format csv has all.")
    elif not num_damaged:
        click.echo(f"There are no runs in {folder}; sparse-hub run --debug makes a small one.", err=True)
