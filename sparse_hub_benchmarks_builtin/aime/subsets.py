"""What is known of the subsets without their data."""

from __future__ import annotations

from sparse_hub_core import Subset


def _all(year: int, licence: str) -> tuple[Subset, ...]:
    subset = Subset(
        "all",
        "exact_match",
        score_range=(0.0, 1.0),
        licence=licence,
        typical_length=150,
        summary=f"the thirty problems of AIME I and II {year}, answered once each",
    )
    return (subset,)


SUBSETS_2024 = _all(2024, "MIT (problems by the MAA)")
SUBSETS_2025 = _all(2025, "none declared (problems by the MAA)")
