"""Axes of parallel coordinates: numbers as they are or by magnitude, everything else by place."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparse_hub_core.report.figures.figure import is_wide, shortened

FEW_VALUES = 8
"""Numbers of up to so many values have a tick at each."""
LONGEST_TICK = 18


@dataclass(frozen=True)
class Axis:
    """Where each configuration crosses an axis, and what its ticks say."""

    label: str
    values: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...] = ()

    @property
    def varies(self) -> bool:
        """Whether the configurations differ there."""
        return min(self.values) < max(self.values)


def axis(label: str, values: Sequence[Any]) -> Axis:
    """Return the axis of a parameter or of what was measured."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return _of_numbers(label, [float(value) for value in values])
    texts = [value if isinstance(value, str) else json.dumps(value, default=repr) for value in values]
    options = sorted(set(texts))
    ticks = tuple((float(place), shortened(option, LONGEST_TICK)) for place, option in enumerate(options))
    return Axis(label, tuple(float(options.index(text)) for text in texts), ticks)


def _of_numbers(label: str, numbers: list[float]) -> Axis:
    distinct = sorted(set(numbers))
    if is_wide(distinct):
        at = distinct if len(distinct) <= FEW_VALUES else magnitudes(distinct[0], distinct[-1])
        return Axis(label, tuple(map(math.log10, numbers)), tuple((math.log10(tick), f"{tick:.4g}") for tick in at))
    at = distinct if len(distinct) <= FEW_VALUES else []
    return Axis(label, tuple(numbers), tuple((tick, f"{tick:.4g}") for tick in at))


def magnitudes(low: float, high: float) -> list[float]:
    """Return the two ends of a logarithmic axis, and round numbers between them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    rounded = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    between = [tick for tick in rounded if low * 1.3 < tick < high / 1.3]
    return [low, *between[:: max(1, math.ceil(len(between) / FEW_VALUES))], high]
