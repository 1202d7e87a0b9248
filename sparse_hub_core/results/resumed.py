"""What a search that was cut off need not repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sparse_hub_core.results.schema import TrialLine
from sparse_hub_core.wording import by_fidelity, count


def resumed_sentence(lines: Sequence[TrialLine], task: str, preset: str) -> str | None:
    """Return how many trials ended earlier, at which fidelities; None where none did."""
    ended: Counter[str] = Counter(line.fidelity for line in lines if line.status != "infeasible")
    if not ended:
        return None
    kept = f"{count(ended.total(), 'trial')} ended earlier and will not be repeated"
    return f"{task}, {preset}: {kept} ({by_fidelity(ended)})."
