"""The generated pages by name; what they say depends on this repository alone, not on the machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from docs_generator.benchmarks import benchmarks_page
from docs_generator.command_line import command_line_page
from docs_generator.configuration import configuration_page
from docs_generator.maskers import maskers_page
from docs_generator.packages import our_packages
from sparse_hub_core.errors import UsageError
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry

FOLDER = "reference"
ROOT = Path(__file__).parent.parent


def generated_pages() -> dict[str, str]:
    """Return the text of each generated page by the name of its file.

    Raises:
        UsageError: A package of this repository is not installed.
    """
    packages = our_packages(ROOT)
    registry = _of_packages(load_registry(), packages)
    return {
        "command-line.md": command_line_page(),
        "configuration.md": configuration_page(),
        "maskers.md": maskers_page(registry, packages),
        "benchmarks.md": benchmarks_page(registry, packages),
    }


def _of_packages(registry: Registry, packages: Iterable[str]) -> Registry:
    """Return what these packages registered; others that happen to be installed have pages of their own."""
    loaded = {record.provenance.distribution for record in registry.plugins if record.status == "ok"}
    missing = sorted(set(packages) - loaded)
    if missing:
        raise UsageError(f"The pages need {', '.join(missing)}, which does not load; install ./plugins/* as well.")
    kept = Registry(plugins=registry.plugins)
    for own, table in zip(kept.tables(), registry.tables(), strict=True):
        for entries in table.entries.values():
            for entry in entries:
                if entry.provenance.distribution in packages:
                    own.add(entry)
    return kept
