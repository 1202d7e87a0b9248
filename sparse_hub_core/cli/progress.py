"""What is shown while a run goes on: a live view on a terminal, else plain lines; on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from sparse_hub_core.cli.plain_progress import PlainProgress
from sparse_hub_core.cli.watched import NO_BUDGET
from sparse_hub_core.progress import Progress
from sparse_hub_core.search.budget import Budget


@contextmanager
def watch(budget: Budget = NO_BUDGET) -> Iterator[Progress]:
    """Yield what to tell about the run that happens in the block."""
    if not can_redraw(sys.stderr, os.environ):
        yield PlainProgress(budget)
        return
    # It brings rich's live display, which a log has no use for.
    from sparse_hub_core.cli.live_progress import live_progress

    with live_progress(budget) as progress:
        yield progress


def can_redraw(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether a stream is a terminal that may be written to with colours and moves of the cursor."""
    is_plain = environment.get("TERM") in ("dumb", "unknown") or environment.get("NO_COLOR")
    return stream.isatty() and not is_plain
