"""SpaceDigest's metric: how near a percentage is, halved with every ten points."""

from __future__ import annotations

import re

_HALVED_EVERY = 10.0
_NUMBER_BACKWARDS = re.compile(r"\d*\.?\d+")


def exponential_similarity(prediction: str, reference: str) -> float:
    """Return 0.5 to the power of a tenth of the distance between the first percentages of two texts, 0 without one."""
    wanted, found = first_percentage(reference), first_percentage(prediction)
    if wanted is None or found is None:
        return 0.0
    # A float, because a number of many digits is infinitely far away instead of an overflow.
    return float(0.5 ** (abs(wanted - found) / _HALVED_EVERY))


def first_percentage(text: str) -> float | None:
    r"""Return the number of the first match of ``\d+\.?\d*%``, None where there is none."""
    *before, _ = text.split("%")
    for part in before:
        # Read from its end, because searching forwards takes cubic time on a long run of digits.
        match = _NUMBER_BACKWARDS.match(part[::-1])
        if match:
            return float(match.group()[::-1])
    return None
