"""Search-space domains that no search library owns; each can be sampled and, where finite, enumerated."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

GRID_POINTS = 5
"""Points taken of a domain that has more values than a grid should try."""


@dataclass(frozen=True)
class Choice:
    """One of some values, tried in no order."""

    options: tuple[Any, ...]

    def sample(self, rng: random.Random) -> Any:
        """Draw a value uniformly."""
        return rng.choice(self.options)

    def grid(self) -> tuple[Any, ...]:
        """Return every value."""
        return self.options

    def place(self, value: Any) -> int | None:
        """Return the index of an option, also of what JSON made of it; None where it is none.

        As texts, 1, 1.0 and True differ, and a tuple is the list that JSON makes of it.
        """
        texts = [json.dumps(option, default=repr) for option in self.options]
        text = json.dumps(value, default=repr)
        return texts.index(text) if text in texts else None

    def __contains__(self, value: object) -> bool:
        return value in self.options


@dataclass(frozen=True)
class Integer:
    """A whole number between low and high, both included; ``log`` spreads the draws over magnitudes."""

    low: int
    high: int
    log: bool = False

    def sample(self, rng: random.Random) -> int:
        """Draw a value, uniformly or log-uniformly."""
        if not self.log:
            return rng.randint(self.low, self.high)
        draw = math.exp(rng.uniform(math.log(self.low - 0.5 + 1e-9), math.log(self.high + 0.5)))
        return min(self.high, max(self.low, round(draw)))

    def grid(self) -> tuple[int, ...]:
        """Return every value of a short range, else a few spread over it."""
        if self.high - self.low < GRID_POINTS:
            return tuple(range(self.low, self.high + 1))
        return tuple(sorted({round(value) for value in _spread(self.low, self.high, self.log)}))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high


@dataclass(frozen=True)
class Real:
    """A real number between low and high; ``log`` spreads the draws over magnitudes."""

    low: float
    high: float
    log: bool = False

    def sample(self, rng: random.Random) -> float:
        """Draw a value, uniformly or log-uniformly."""
        if not self.log:
            return rng.uniform(self.low, self.high)
        draw = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return min(self.high, max(self.low, draw))

    def grid(self) -> tuple[float, ...]:
        """Return a few values spread over the range, both ends included."""
        return tuple(_spread(self.low, self.high, self.log))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, (int, float)) and self.low <= value <= self.high


Domain: TypeAlias = Choice | Integer | Real


def every_point(space: Mapping[str, Domain], limit: int) -> list[dict[str, Any]] | None:
    """Return all points of a search space, or None where there are more of them than a limit."""
    values: dict[str, Sequence[Any]] = {}
    num_points = 1
    for name, domain in space.items():
        if isinstance(domain, Real):
            return None
        values[name] = domain.options if isinstance(domain, Choice) else range(domain.low, domain.high + 1)
        num_points *= len(values[name])
        if num_points > limit:
            return None
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def _spread(low: float, high: float, log: bool) -> list[float]:
    if low == high:
        return [low]
    steps = [index / (GRID_POINTS - 1) for index in range(GRID_POINTS)]
    inner = [low * (high / low) ** step if log else low + (high - low) * step for step in steps[1:-1]]
    return [low, *inner, high]


def choice(options: Sequence[Any]) -> Choice:
    """Return a domain of the given values.

    Raises:
        ValueError: There is no value to choose from.
    """
    if not options:
        raise ValueError("choice() needs at least one value to choose from.")
    return Choice(tuple(options))


def integer(low: int, high: int, *, log: bool = False) -> Integer:
    """Return the whole numbers from low to high, both included.

    Raises:
        ValueError: The range is empty, or a log range does not start above zero.
    """
    _check_range("integer", low, high, log)
    return Integer(low, high, log)


def uniform(low: float, high: float) -> Real:
    """Return the real numbers from low to high, drawn uniformly.

    Raises:
        ValueError: The range is empty.
    """
    _check_range("uniform", low, high, log=False)
    return Real(float(low), float(high))


def loguniform(low: float, high: float) -> Real:
    """Return the real numbers from low to high, drawn uniformly in their logarithm.

    Raises:
        ValueError: The range is empty or does not start above zero.
    """
    _check_range("loguniform", low, high, log=True)
    return Real(float(low), float(high), log=True)


def _check_range(name: str, low: float, high: float, log: bool) -> None:
    if low > high:
        raise ValueError(f"{name}({low}, {high}) is empty: low must not be above high.")
    if log and low <= 0:
        raise ValueError(f"{name}({low}, {high}) is logarithmic: low must be above 0.")


def from_ray(domain: Any) -> Domain:
    """Return the neutral form of a ray.tune domain, told apart by its attributes so that ray is not imported.

    Raises:
        TypeError: It is neither a domain of this module nor one that can be expressed here.
    """
    if isinstance(domain, (Choice, Integer, Real)):
        return domain
    if not type(domain).__module__.startswith("ray."):
        raise _no_domain(domain)
    if hasattr(domain, "categories"):
        return choice(domain.categories)
    sampler = type(getattr(domain, "sampler", None)).__name__
    known = sampler in ("NoneType", "_Uniform", "LogUniform", "_LogUniform")
    if known and hasattr(domain, "lower") and hasattr(domain, "upper"):
        log = "LogUniform" in sampler
        if type(domain).__name__ == "Integer":
            # ray.tune leaves the upper end out.
            return integer(domain.lower, domain.upper - 1, log=log)
        return loguniform(domain.lower, domain.upper) if log else uniform(domain.lower, domain.upper)
    raise _no_domain(domain)


def _no_domain(value: Any) -> TypeError:
    return TypeError(
        f"{value!r} is no search-space domain; use choice, integer, uniform or loguniform of sparse_hub_core."
    )
