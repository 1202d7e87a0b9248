"""The ``describe`` command: everything that is known of one registered name."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sparse_hub_core.cli.description import describe_entry, describe_task
from sparse_hub_core.lookup import get_task
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Entry, Registry, Table


@click.command()
@click.argument("name")
@click.option("--task", help="The task whose search space is shown, where tasks differ; by default the first one.")
def describe(name: str, task: str | None) -> None:
    """Say what is known of NAME: a masker, preset, benchmark, task, model, search algorithm or objective."""
    registry = load_registry()
    texts = list(_descriptions(registry, name, task))
    click.echo("\n\n".join(texts))


def _descriptions(registry: Registry, name: str, task: str | None) -> Iterator[str]:
    """Yield a text for every kind that has something of that name.

    Raises:
        UsageError: No kind has it.
    """
    tables = [table for table in registry.tables() if table.claimants(name)]
    for table in tables:
        yield describe_entry(registry, table, registry.get(table, name), task)
    if tables:
        return
    if registry.benchmarks.claimants(name.partition("/")[0]):
        yield describe_task(get_task(registry, name))
        return
    registry.get(_all_names(registry), name)


def _all_names(registry: Registry) -> Table[Entry]:
    everything: Table[Entry] = Table("name", "a list command, such as sparse-hub list-maskers,")
    for table in registry.tables():
        for name, entries in table.entries.items():
            # One of each, because this table serves to say what is near, and a name may be of several kinds.
            if name not in everything.entries:
                everything.add(entries[0])
    return everything
