"""Every built-in masker passes the conformance kit, and every plugin here runs it in its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_hub_core.plugins import load_registry
from sparse_hub_core.testing import Subject, run_checks

PLUGINS = Path(__file__).parent.parent.parent / "plugins"
REGISTRY = load_registry()
MASKERS = [entry.name for entry in REGISTRY.maskers if entry.provenance.distribution == "sparse-hub"]


@pytest.mark.parametrize("name", MASKERS)
def test_a_built_in_masker_passes_the_kit(name: str) -> None:
    failed = {o.check.name: o.reason for o in run_checks(Subject.of(name)) if o.result == "failed"}
    assert not failed


@pytest.mark.parametrize("distribution", [path.name for path in sorted(PLUGINS.glob("sparse-hub-*"))])
def test_every_plugin_here_runs_the_kit(distribution: str) -> None:
    tests = "".join(path.read_text() for path in (PLUGINS / distribution / "tests").glob("*_conformance.py"))
    offered = [
        f'@{kind}_checks("{entry.name}")'
        for kind, entries in (("masker", REGISTRY.maskers), ("benchmark", REGISTRY.benchmarks))
        for entry in entries
        if entry.provenance.distribution == distribution
    ]
    hears = distribution in {hook.provenance.distribution for hook in REGISTRY.finish_hooks}
    assert offered or hears
    assert [line for line in offered if line not in tests] == []
