from __future__ import annotations

import pytest

from sparse_hub_core.plugins import load_registry


@pytest.mark.parametrize(
    ("name", "error", "density", "value"),
    [
        ("default", 0.2, 0.5, 0.25),
        ("default", 0.2, 0.51, 5.251),
        ("sparsity_2", 0.1, 0.02, 0.0992),
        ("sparsity_5", 0.1, 0.15, 1.1005),
        ("sparsity_25", 0.0, 0.25, 0.0025),
    ],
)
def test_the_objectives_are_the_formulas(name, error, density, value):
    registry = load_registry()
    assert registry.get(registry.objectives, name).load()(error, density) == pytest.approx(value)
