"""Why a search found nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.results.schema import TrialLine


class SearchFailedError(SparseHubError):
    """No trial of a search ended well."""


def no_trial_sentence(lines: Sequence[TrialLine]) -> str:
    """Return why no trial of a rung ended well."""
    counts = Counter(line.status for line in lines)
    if not lines or set(counts) == {"infeasible"}:
        reasons = list(dict.fromkeys(line.reason for line in lines if line.reason))
        because = f": {reasons[0]}" if reasons else ""
        return f"The search space has no feasible point among {len(lines)} tried{because}."
    ended = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    reason = next(line.reason for line in lines if line.status != "infeasible" and line.reason)
    return f"No trial ended well ({ended}); the first said: {reason}."
