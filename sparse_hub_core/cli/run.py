"""The commands that run something: ``run``, ``search`` and ``validate``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparse_hub_core.cli.main import INTERRUPTED
from sparse_hub_core.cli.progress import watch
from sparse_hub_core.cli.spec_options import flags_to_settings, spec_options
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry
from sparse_hub_core.report.text import write_table
from sparse_hub_core.results.summary import load_summary
from sparse_hub_core.search.budget import Budget
from sparse_hub_core.spec import Spec, build_spec
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.matrix import Plan, StageName

config_option = click.option("--config", type=click.Path(path_type=Path), help="A TOML file; flags override it.")
debug_option = click.option("--debug", is_flag=True, help="A small, fast, real run on the demo model.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the cells that would run, and start nothing.")


def _is_for_search(path: str) -> bool:
    return not path.startswith("validation.")


def _is_for_validation(path: str) -> bool:
    general = ("seed", "device", "dtype", "max_concurrent", "threads_per_trial", "ray_address", "output_dir")
    return path.startswith(("validation.", "data.")) or path in (*general, "extra_metrics")


def _is_in_best(path: str) -> bool:
    return path.startswith("validation.") or path == "seed"


@spec_options()
@click.command()
@config_option
@debug_option
@dry_run_option
def run(config: Path | None, debug: bool, dry_run: bool, **flags: Any) -> None:
    """Search the best configuration of every cell (model x task x preset), then validate it.

    Without --model, --benchmark or --preset, all registered ones are run. The same command again resumes and
    repeats nothing. Exit codes: 0 fine, 1 some cell failed, 2 a usage mistake.
    """
    _run(config, debug, dry_run, flags, ("search", "validate"))


@spec_options(_is_for_search)
@click.command()
@config_option
@debug_option
@dry_run_option
def search(config: Path | None, debug: bool, dry_run: bool, **flags: Any) -> None:
    """Search the best configuration of every cell, without validating it.

    Without --model, --benchmark or --preset, all registered ones are searched.
    """
    _run(config, debug, dry_run, flags, ("search",))


@spec_options(_is_for_validation, _is_in_best)
@click.command()
@click.argument("best", type=click.Path(path_type=Path))
@click.option("--model", "models", help="The model, where it lies elsewhere than the file says.")
def validate(best: Path, models: str | None, **flags: Any) -> None:
    """Judge the configuration of a BEST.json on held-out requests, side by side with dense attention.

    The model, the task and the settings come from the file where no flag says otherwise. A result card, card.json, is
    reproduced: the last lines say how far the answers, the scores and the densities here agree with those of the card,
    and the exit code is 1 where they do not.
    """
    from sparse_hub_core.report.write_run import write_cells
    from sparse_hub_core.validate_best import judging

    registry = load_registry()
    settings = flags_to_settings({**flags, "models": (models,) if models else ()})
    judged = judging(best, settings, registry)
    if judged.card is not None:
        click.echo(f"The card measures {judged.best.task} with the model of {judged.source.place}.", err=True)
    with _interruptible(), watch() as progress:
        summary = judged.run(progress)
    write_cells(summary.cells[-1:], registry, lambda _: best)
    click.echo(f"Files: {Path(settings.get('output_dir', Spec().output_dir)) / summary.run_id}")
    if summary.cells[-1].status == "failed":
        click.get_current_context().exit(1)
    agreed = judged.agreement()
    if agreed is not None:
        for unlike in agreed.unlike:
            click.echo(f"Unlike the card: {unlike}")
        click.echo(agreed.sentence)
        if not agreed.is_reproduced:
            click.get_current_context().exit(1)


def _run(config: Path | None, debug: bool, dry_run: bool, flags: dict[str, Any], stages: tuple[StageName, ...]) -> None:
    from sparse_hub_core.execute_full_benchmark import debug_presets, execute_full_benchmark, plan
    from sparse_hub_core.report.write_run import write_summary

    registry = load_registry()
    spec = build_spec(flags_to_settings(flags), config, debug)
    if debug and not spec.presets:
        spec = spec.model_copy(update={"presets": debug_presets(registry)})
    if dry_run:
        _write_plan(plan(spec, registry, stages=stages), spec)
        return
    _warn_of_broken_plugins(registry)
    with _interruptible(), watch(Budget(spec.max_density, spec.max_io_density)) as progress:
        summary = execute_full_benchmark(spec, registry, progress=progress, stages=stages)
    directory = Path(spec.output_dir) / summary.run_id
    write_summary(summary, load_summary(directory), directory, registry)
    if any(cell.status == "failed" for cell in summary.cells):
        click.get_current_context().exit(1)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn Ctrl-C into a sentence and its exit code."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("Interrupted; what was finished is kept: run the same command again to go on.", err=True)
        click.get_current_context().exit(INTERRUPTED)


def _write_plan(planned: Plan, spec: Spec) -> None:
    cells, entered = count(len(planned.cells), "cell"), count(spec.num_samples, "configuration")
    click.echo(f"{planned.run_id} in {planned.directory}: {cells}, up to {entered} each")
    columns = ("model", "task", "preset", "maskers", "status")
    rows = [(c.model, c.task, c.preset, ", ".join(c.maskers) or "-", c.status) for c in planned.cells]
    write_table(columns, rows)
    for note in planned.notes:
        click.echo(f"Note: {note}")


def _warn_of_broken_plugins(registry: Registry) -> None:
    for record in registry.plugins:
        if record.status == "error":
            origin = f"{record.provenance.plugin!r} of {record.provenance.distribution}"
            click.echo(f"Note: the plugin {origin} has a problem: {record.error}", err=True)
