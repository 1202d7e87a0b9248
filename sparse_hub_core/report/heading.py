"""The top of the page: what the run is, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.report.files import RunFiles


@dataclass(frozen=True)
class Heading:
    """Sentences below the run's name."""

    contents: str
    made: str
    """When the page was made, and with what."""
    state: str
    """How the run stands, empty where it ended."""


def heading(run: RunFiles, now: datetime) -> Heading:
    """Return the top of the page, which is made now."""
    return Heading(_contents(run), _made(run, now), _state(run))


def _contents(run: RunFiles) -> str:
    cells, num_searches = run.cells, len(run.searches)
    told = [
        count(len({cell.model for cell in cells}), "model"),
        count(len({cell.task for cell in cells}), "task"),
        "1 search" if num_searches == 1 else f"{num_searches} searches",
        count(sum(len(search.trials) for search in run.searches), "trial"),
    ]
    return ", ".join(told)


def _made(run: RunFiles, now: datetime) -> str:
    told = []
    if run.run is not None:
        ran = "" if run.run.seconds is None else f" after {run.run.seconds:.0f} s"
        told.append(f"{run.status}{ran} on {run.run.hardware.get('device', 'unknown hardware')}")
        told.append(f"seed {run.run.seed}")
        told.append(f"sparse-hub {run.run.versions.get('sparse-hub', 'of unknown version')}")
    return ", ".join([*told, f"page made {now:%Y-%m-%d %H:%M} UTC"])


def _state(run: RunFiles) -> str:
    cells = run.cells
    ended = sum(cell.status in ("done", "failed", "searched") for cell in cells)
    so_far = f"{ended} of {count(len(cells), 'row')} ended"
    told = {
        "running": f"This run goes on, and this page shows what there was when it was made: {so_far}.",
        "interrupted": f"This run was interrupted: {so_far}. The same command goes on where it stopped.",
        "failed": "" if any(cell.status == "failed" for cell in cells) else f"This run failed: {so_far}.",
    }
    return told.get(run.status, "")
