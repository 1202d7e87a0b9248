"""The spaces that algorithms are tried on, what lies in them, and a landscape to search."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sparse_hub_core.space import Choice, Domain, Integer, choice, integer, loguniform, uniform

Space = Mapping[str, Domain]

MIXED: Space = MappingProxyType(
    {
        "kind": choice(["a", "b", "c"]),
        "count": integer(1, 1000, log=True),
        "steps": integer(-20, 20),
        "share": loguniform(1e-4, 0.5),
        "rate": uniform(-1.0, 1.0),
        "fixed": integer(3, 3),
    }
)
ANY_OPTION: Space = MappingProxyType(
    {"any": choice([None, True, 1, 1.5, "1", (1, 2), [3], {"a": 4}]), "one": choice([(0,)]), "step": integer(0, 1)}
)
"""Options of mixed types, some of which cannot be hashed and some of which are equal to Python."""
SPACES: Mapping[str, Space] = MappingProxyType(
    {
        "mixed": MIXED,
        "options of any type": ANY_OPTION,
        "one parameter": {"share": loguniform(0.01, 0.1)},
        "one value each": {"a": integer(2, 2), "b": uniform(0.5, 0.5), "c": choice(["x"])},
        "one whole number": {"n": integer(1, 2**20, log=True)},
    }
)


def draws(space: Space, count: int, seed: int) -> list[dict[str, Any]]:
    """Return points of a space that nobody proposed."""
    rng = random.Random(seed)
    return [{name: domain.sample(rng) for name, domain in space.items()} for _ in range(count)]


def read_again(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they come back from the file that they were written to."""
    found: dict[str, Any] = json.loads(json.dumps(parameters))
    return found


def outside(domain: Domain, value: Any) -> str | None:
    """Return why a value is none of a domain's, or None; numbers of a library's own type are none."""
    if isinstance(domain, Choice):
        same = any(type(value) is type(option) and value == option for option in domain.options)
        return None if same else f"is none of the options {list(domain.options)}"
    wanted = int if isinstance(domain, Integer) else float
    if type(value) is not wanted:
        return f"is of the type {type(value).__name__}, not {wanted.__name__}"
    return None if domain.low <= value <= domain.high else f"is not between {domain.low} and {domain.high}"


def landscape(parameters: Mapping[str, Any]) -> float:
    """Return the height at a point of ``MIXED``: a bowl in some parameters, and a step."""
    bowl = (parameters["rate"] - 0.4) ** 2 + ((parameters["steps"] + 8) / 20) ** 2
    return float(bowl + 0.5 * (parameters["kind"] != "b"))
