"""Where prefixes and traces are kept on a machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def trace_dir(chosen: str | None) -> Path:
    """Return the folder that was chosen, else what SPARSE_HUB_TRACE_DIR names, else one in the user's cache."""
    named = chosen or os.environ.get("SPARSE_HUB_TRACE_DIR")
    return Path(named).resolve() if named else platformdirs.user_cache_path("sparse-hub") / "traces"
