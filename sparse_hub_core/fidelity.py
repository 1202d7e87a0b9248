"""How much of a request is run to try a configuration, and what that tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import Literal, TypeAlias

Fidelity: TypeAlias = Literal["F0", "F1", "F2", "F3"]
FIDELITIES: tuple[Fidelity, ...] = ("F0", "F1", "F2", "F3")
MEANINGS: dict[Fidelity, str] = {
    "F0": "replay of some layers and positions of the trace",
    "F1": "replay of the whole trace",
    "F2": "teacher-forced on the dense answer",
    "F3": "free generation",
}


@dataclass(frozen=True)
class Measures:
    """What was measured of a configuration, on one request or as the mean of several."""

    error: float
    """The relative L2 error of attention, the mean over layers, heads and sparse queries."""
    density: float
    io_density: float
    score: float | None = None
    """The benchmark's, from F3 on; None where answers are not published."""
    kl: float | None = None
    """F2: of the next-token distributions, dense from sparse, in nats a token."""
    delta_nll: float | None = None
    """F2: by how much less likely a token of the dense answer became, in nats."""

    def as_answer(self) -> dict[str, float | None]:
        """Return them as a plain dict."""
        return asdict(self)

    @classmethod
    def from_answer(cls, answer: Mapping[str, float | None]) -> Measures:
        """Return what ``as_answer`` gave."""
        return cls(**answer)  # type: ignore[arg-type]

    @classmethod
    def mean(cls, measured: Iterable[Measures]) -> Measures:
        """Return the means of several; what none of them has stays None."""
        answers = [one.as_answer() for one in measured]
        return cls.from_answer({field.name: _mean(answers, field.name) for field in fields(cls)})


def _mean(answers: Iterable[Mapping[str, float | None]], name: str) -> float | None:
    known = [value for answer in answers if (value := answer[name]) is not None]
    return fmean(known) if known else None
