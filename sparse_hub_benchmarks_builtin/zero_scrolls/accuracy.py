"""QuALITY's accuracy: the first option letter that stands alone."""

from __future__ import annotations

import re

_LETTER = re.compile(r"\b[A-D]\b")


def same_letter(prediction: str, reference: str) -> float:
    """Return 1 where the first letter A to D between word boundaries is the same in both texts, otherwise 0."""
    wanted, found = _LETTER.search(reference), _LETTER.search(prediction)
    return float(wanted is not None and found is not None and wanted.group() == found.group())
