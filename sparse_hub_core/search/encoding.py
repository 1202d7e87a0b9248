"""Parameters as search libraries take them: options by their index, and only what there is to search."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sparse_hub_core.space import Choice, Domain, Integer


class Encoding:
    """Turns parameters into the numbers that a library searches, and back into plain Python values.

    An option becomes its index, so that any value may be one. A domain of one value is not searched at all.
    """

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self.space = dict(space)
        self.searched = {name: domain for name, domain in space.items() if not _is_single(domain)}

    def encode(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the numbers of parameters, or None where they lie outside the space."""
        if parameters.keys() != self.space.keys():
            return None
        codes = {name: _code(domain, parameters[name]) for name, domain in self.space.items()}
        if None in codes.values():
            return None
        return {name: codes[name] for name in self.searched}

    def decode(self, codes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters behind numbers, rounded into their domains."""
        return {name: _value(domain, codes.get(name, 0)) for name, domain in self.space.items()}


def parameters_key(parameters: Mapping[str, Any]) -> str:
    """Return a text that is the same for the same parameters, also once they were written as JSON and read again."""
    return json.dumps(dict(parameters), sort_keys=True, default=repr)


def _is_single(domain: Domain) -> bool:
    return len(domain.options) == 1 if isinstance(domain, Choice) else domain.low == domain.high


def _code(domain: Domain, value: Any) -> Any:
    if not isinstance(domain, Choice):
        return value if value in domain else None
    return domain.place(value)


def _value(domain: Domain, code: Any) -> Any:
    if isinstance(domain, Choice):
        return domain.options[int(code)]
    if isinstance(domain, Integer):
        return min(domain.high, max(domain.low, round(float(code))))
    return min(domain.high, max(domain.low, float(code)))
