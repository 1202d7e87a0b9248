"""Every masker that is registered passes the conformance kit; the names are discovered."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.testing import Subject, run_checks

PLUGINS = Path(__file__).parent.parent.parent / "plugins"
REGISTRY = load_registry()
MASKERS = [entry.name for entry in REGISTRY.maskers]


@pytest.mark.parametrize("name", MASKERS)
def test_a_registered_masker_passes_the_kit(name: str) -> None:
    failed = {o.check.name: o.reason for o in run_checks(Subject.of(name)) if o.result == "failed"}
    assert not failed


@pytest.mark.parametrize("distribution", [path.name for path in sorted(PLUGINS.glob("sparse-hub-*"))])
def test_every_plugin_here_is_under_test(distribution: str) -> None:
    checked = (*REGISTRY.maskers, *REGISTRY.benchmarks)
    assert distribution in {entry.provenance.distribution for entry in checked}
