"""Clozes: a mapping from masks to names, read from the prediction without ever running it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

LONGEST = 2_000
"""Characters of a prediction that is read; 50 tokens, the official limit, are far fewer."""
DEEPEST = 50
"""Brackets open at once in a prediction that is read."""


def exact_match(prediction: str, entities: Mapping[str, str]) -> float:
    """Return the share of the masks whose names are exactly right."""
    said = read_mapping(prediction)
    return _share(sum(said.get(mask) == name for mask, name in entities.items()), entities)


def partial_match(prediction: str, entities: Mapping[str, str]) -> float:
    """Return the share of the masks for which at least one word of the name was said."""
    said = read_mapping(prediction)
    return _share(sum(bool(_words(said.get(mask)) & _words(name)) for mask, name in entities.items()), entities)


def read_mapping(prediction: str) -> Mapping[Any, Any]:
    """Return the Python mapping of literals that a prediction consists of, an empty one where it is anything else."""
    if len(prediction) > LONGEST or _depth(prediction) > DEEPEST:
        return {}
    try:
        with warnings.catch_warnings():
            # An unknown escape is a warning about source code, which a prediction is not.
            warnings.simplefilter("ignore")
            value = ast.literal_eval(prediction)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _depth(text: str) -> int:
    return max(accumulate((sign in "([{") - (sign in ")]}") for sign in text), default=0)


def _words(name: Any) -> set[str]:
    return set(name.split()) if isinstance(name, str) else set()


def _share(matches: int, entities: Mapping[str, str]) -> float:
    return matches / len(entities) if entities else 0.0
