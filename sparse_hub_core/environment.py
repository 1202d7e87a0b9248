"""What a run ran on: software versions and hardware."""

from __future__ import annotations

import os
import platform
from typing import Any

import importlib_metadata

from sparse_hub_core.registry import Registry

PACKAGES = ("sparse-hub", "torch", "transformers", "ray", "nevergrad", "numpy", "scipy")


def versions(registry: Registry) -> dict[str, str]:
    """Return the versions of Python, of the libraries that results depend on, and of all plugins."""
    plugins = {record.provenance.distribution: record.provenance.version for record in registry.plugins}
    return {**library_versions(), **plugins}


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that dense attention depends on, too."""
    return {"python": platform.python_version(), **{name: importlib_metadata.version(name) for name in PACKAGES}}


def hardware(device: str) -> dict[str, Any]:
    """Return what the machine has."""
    found: dict[str, Any] = {
        "device": device,
        "cpu_cores": num_cores(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
    if device == "cuda":
        import torch

        found["gpus"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return found


def num_cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
