"""BookSumSort's metric: the share of pairs that are in the right order."""

from __future__ import annotations

import re
from itertools import combinations

_NOT_PART_OF_A_LIST = re.compile(r"[^0-9\s,]")


def concordance_index(prediction: str, reference: str) -> float:
    """Return the share of pairs of ids that both lists have in the same order, 0 where the ids are not the same."""
    wanted, found = ids(reference), ids(prediction)
    if not wanted or sorted(wanted) != sorted(found):
        return 0.0
    place = {identity: index for index, identity in enumerate(found)}
    pairs = list(combinations(wanted, 2))
    return sum(place[first] < place[second] for first, second in pairs) / len(pairs) if pairs else 1.0


def ids(text: str) -> list[str]:
    """Return the numbers of a list, without leading zeros; whatever is not a digit, comma or space is dropped."""
    numbers = _NOT_PART_OF_A_LIST.sub("", text).replace(",", " ").split()
    return [number.lstrip("0") or "0" for number in numbers]
