"""From what a user calls a run to its folder."""

from __future__ import annotations

from pathlib import Path

from sparse_hub_core.errors import UsageError, did_you_mean
from sparse_hub_core.report.overview import is_run
from sparse_hub_core.spec import Spec

SHOWN = 8


def run_directory(run: str) -> Path:
    """Return the folder of a run: named as such, by a file in it, by its id in the default folder, or by its beginning.

    Raises:
        UsageError: There is no such run; the sentence names the nearest ones.
    """
    path, default = Path(run), Path(Spec.model_fields["output_dir"].default)
    folder = path.parent if path.is_file() else path
    if folder.is_dir() and is_run(folder):
        return folder
    if folder.is_dir() and (inside := runs_in(folder)):
        raise UsageError(f"{folder} is no run, but holds {_list(inside)}; name one of them, such as {inside[0]}.")
    known = {found.name: found for found in runs_in(default)}
    if run in known:
        return known[run]
    fitting = [found for name, found in known.items() if run and name.startswith(run)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"Several runs in {default} begin with {run!r}: {_list(fitting)}; write more of the id.")
    if path.exists():
        raise UsageError(f"{path} holds no run: neither run.json nor summary.json is there.")
    if not known:
        raise UsageError(f"There is no run {run!r}, nor any other in {default}; name a run's folder.")
    raise UsageError(f"There is no run {run!r}: {did_you_mean(run, known, 'sparse-hub runs')}")


def runs_in(folder: Path) -> list[Path]:
    """Return the folders in a folder that hold a run, by name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and is_run(path))


def _list(runs: list[Path]) -> str:
    shown = ", ".join(path.name for path in runs[:SHOWN])
    return f"{shown}, and {len(runs) - SHOWN} more" if len(runs) > SHOWN else shown
