"""agreement.json: how far a result that was measured again agrees with a published card."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from sparse_hub_core.results.schema import SCHEMA_VERSION, Interval

Verdict: TypeAlias = Literal[
    "reproduced to the bit", "agrees", "cannot tell whether it agrees", "does not agree", "another measurement"
]


class AgreementFile(BaseModel):
    """A card beside its reproduction; differences are here minus the card."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = SCHEMA_VERSION
    verdict: Verdict
    reason: str
    unlike: list[str]
    """What differs in model, data, software and hardware, which may explain the rest."""
    questions_of_card: int
    questions_here: int
    questions_shared: int
    same_dense: int
    """Shared questions with the same dense answer."""
    same_sparse: int
    same_scores: int
    dense_difference: Interval | None
    sparse_difference: Interval | None
    density_of_card: float | None
    density_here: float | None
    error_of_card: float | None
    error_here: float | None

    @property
    def is_reproduced(self) -> bool:
        """Whether nothing speaks against the card; of another measurement nothing can."""
        return self.verdict not in ("does not agree", "cannot tell whether it agrees")

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        text = f"{self.verdict[0].upper()}{self.verdict[1:]}: {self.reason}"
        return text if text.endswith(".") else f"{text}."
