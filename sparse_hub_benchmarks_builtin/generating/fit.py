"""How many haystack units fill a length."""

from __future__ import annotations

from collections.abc import Callable
from math import floor

_ESTIMATES = 8


def largest_fitting(
    cost: Callable[[int], int],
    limit: int,
    smallest: int,
    largest: int,
    guess: int | None = None,
    unit: float | None = None,
) -> int | None:
    """Return a number of units that fits while one more does not.

    Args:
        cost: The length at a number of units; costly, so it is called as little as possible.
        limit: The length that must not be exceeded.
        smallest: The smallest number of units allowed.
        largest: The largest number of units allowed.
        guess: Where to look first.
        unit: About what one unit costs; without it the search halves its range at each step.

    Returns:
        The number of units, or nothing when not even the smallest fits.
    """
    fits, too_many = smallest - 1, largest + 1
    units = smallest if guess is None else guess
    steps = 0
    while too_many - fits > 1:
        units = min(max(units, fits + 1), too_many - 1)
        slack = limit - cost(units)
        if slack >= 0:
            fits = units
        else:
            too_many = units
        steps += 1
        # Estimates that keep missing by a little would walk instead of search.
        if unit and steps < _ESTIMATES:
            units += floor(slack / unit)
        else:
            units = (fits + too_many) // 2
    return fits if fits >= smallest else None
