"""Listing is quick because nothing heavy is imported; a plugin's registration is held to the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from sparse_hub_core.cli.main import main
code = main({arguments!r})
search = {{"nevergrad", "optuna", "hyperopt", "ray", "scipy", "numpy"}}
heavy = {{"torch", "transformers", "datasets", "plotly", *search}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else code)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["plugins"],
        ["plugins", "--json"],
        ["traces"],
        ["traces", "--json"],
        *[
            [f"list-{kind}", "--json"]
            for kind in ("presets", "maskers", "benchmarks", "models", "search-algorithms", "objectives")
        ],
    ],
    ids=" ".join,
)
def test_listing_imports_nothing_heavy(arguments):
    result = subprocess.run([sys.executable, "-c", SCRIPT.format(arguments=arguments)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_public_names_exist():
    import sparse_hub_core

    for name in sparse_hub_core.__all__:
        assert getattr(sparse_hub_core, name) is not None
    assert set(sparse_hub_core.__all__) == set(sparse_hub_core._HOME)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        sparse_hub_core.no_such_name  # noqa: B018
