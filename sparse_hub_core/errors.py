"""The errors a user may meet; each message says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SparseHubError(Exception):
    """A failure that is reported as one sentence, without a traceback."""

    exit_code = 1


class UsageError(SparseHubError):
    """What the user asked for cannot be done as asked: a wrong name, value, file or flag."""

    exit_code = 2


class DataError(UsageError):
    """The rows of a benchmark cannot be had, or are not as they should be."""


class ConfigError(UsageError):
    """A value of a masker config, of the spec or of a file is out of its range."""


class PluginError(UsageError):
    """Something was asked of a plugin that is broken, ambiguous or missing."""


class ModelError(SparseHubError):
    """A model cannot be loaded, or cannot be run sparsely."""


SHOWN = 8
"""So many names of a long list are told."""


def did_you_mean(name: str, known: Iterable[str], listing: str = "") -> str:
    """Return a half sentence with the nearest known names, or the list when nothing is near.

    Args:
        name: What was asked for.
        known: The names that there are.
        listing: The command that shows them all, of which a long list tells.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(match) for match in near) + "?"
    if not known:
        return "none is registered."
    if len(known) <= SHOWN:
        return f"known are: {', '.join(known)}."
    rest = f"known are: {', '.join(known[:SHOWN])} and {len(known) - SHOWN} more"
    return f"{rest}; {listing} shows them all." if listing else f"{rest}."
