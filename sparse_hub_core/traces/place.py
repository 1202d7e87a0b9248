"""Where prefixes and traces are kept on a machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

from sparse_hub_core.errors import UsageError

ANSWERS = "answers"
"""The folder, among the traces, of what requests gave to configurations."""


def require_writable(chosen: str | None) -> None:
    """Check that traces can be kept on this machine.

    Raises:
        UsageError: The folder cannot be made, or nothing can be written there.
    """
    folder = trace_dir(chosen)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"Prefixes and traces cannot be kept in {folder}: {error.strerror}; name another folder with --trace-dir "
            "or SPARSE_HUB_TRACE_DIR."
        ) from error


def trace_dir(chosen: str | None) -> Path:
    """Return the folder that was chosen, else what SPARSE_HUB_TRACE_DIR names, else one in the user's cache."""
    named = chosen or os.environ.get("SPARSE_HUB_TRACE_DIR")
    return Path(named).resolve() if named else platformdirs.user_cache_path("sparse-hub") / "traces"
