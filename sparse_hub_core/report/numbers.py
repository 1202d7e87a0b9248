"""Numbers as people read them: rounded in one way in all tables and sentences."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import Interval

Sign = Literal["", "+"]
NOTHING = "-"
"""Stands for what was not measured."""


def number(value: float | None) -> str:
    """Return a number with four digits that count."""
    return NOTHING if value is None else f"{value:.4g}"


def percent(value: float | None) -> str:
    """Return a share."""
    return NOTHING if value is None else f"{value:.2%}"


def parameter(value: Any) -> str:
    """Return a parameter's value."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def interval(found: Interval | None, sign: Sign = "") -> str:
    """Return a mean with its 95% interval: "81.25 [67.5, 95]"; with the sign "+" numbers above zero have one."""
    if found is None:
        return NOTHING
    return f"{found.mean:{sign}.4g} [{found.low:{sign}.4g}, {found.high:{sign}.4g}]"


def difference(found: Interval | None) -> str:
    """Return a difference with its 95% interval: "-1.25 [-4, +1.5]"."""
    return interval(found, "+")


def with_sample(found: Interval | None, sign: Sign = "") -> str:
    """Return a mean with its 95% interval and what they rest on: "81.25 [67.5, 95], n=40 in 20 requests"."""
    return NOTHING if found is None else f"{interval(found, sign)}, {sample(found)}"


def sample(found: Interval) -> str:
    """Return what an interval rests on: "n=40 in 20 requests"."""
    return f"n={found.n} in {count(found.clusters, 'request')}"


def p_value(value: float | None) -> str:
    """Return a p-value, of which no one needs more than two digits."""
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.2g}"


def moment(seconds: float | None) -> str:
    """Return when something was, on this machine's clock."""
    return NOTHING if seconds is None else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def moment_utc(seconds: float | None) -> str | None:
    """Return when something was, as programs read it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
