"""The ``plugins`` command: what was found, and what became of it."""

from __future__ import annotations

import click

from sparse_hub_core.cli.listing import Records, write_records
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry


def plugin_records(registry: Registry) -> Records:
    """Return one record per entry point."""
    return [
        {
            "name": record.provenance.plugin,
            "distribution": record.provenance.distribution,
            "version": record.provenance.version,
            "status": record.status,
            "error": record.error,
        }
        for record in registry.plugins
    ]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def plugins(as_json: bool) -> None:
    """List the plugins that were found, built-ins included, with the error of what failed.

    The environment variable SPARSE_HUB_DISABLE_PLUGINS=name,... leaves plugins out, and
    SPARSE_HUB_RAISE_PLUGIN_ERRORS=1 raises their errors.
    """
    write_records(plugin_records(load_registry()), ("name", "distribution", "version", "status", "error"), as_json)
