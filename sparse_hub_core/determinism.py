"""What of a run may come out differently the next time, on the same machine with the same seed."""

from __future__ import annotations

from collections.abc import Collection

from sparse_hub_core.spec import Spec


def not_deterministic(spec: Spec, stages: Collection[str], device: str, learns: bool) -> list[str]:
    """Return a half sentence for each thing that no seed settles.

    Args:
        spec: What the run is asked to do.
        stages: The stages that it runs.
        device: What the model runs on.
        learns: Whether the search algorithm proposes by the results so far.
    """
    found = []
    is_searched, is_parallel = "search" in stages, spec.max_concurrent != 1
    if is_searched and is_parallel and learns:
        found.append(
            f"{spec.search_algorithm} proposes by the results so far, and trials side by side end in no fixed order"
        )
    # Replays are never stopped, and neither are trials that more than one winner is chosen from.
    stops = spec.scheduler != "none" and spec.fidelity not in ("F0", "F1") and spec.objective != "pareto"
    if is_searched and is_parallel and stops:
        found.append(
            f"{spec.scheduler} stops a trial by how those before it did, and side by side they end in no fixed order"
        )
    if is_searched:
        found.append("a trial that reaches --search-timeout on a busy machine may end in time on an idle one")
        if spec.fidelity != "F3":
            found.append("where not all traces fit, the room on the disk says how many layers are replayed")
    if device == "cuda":
        found.append("CUDA kernels may add up in another order, which can turn a token, a score or an error")
    if "validate" in stages:
        found.append("milliseconds per token are times, and no two runs measure the same")
    return found


def repeat_sentence(found: Collection[str]) -> str:
    """Return what a repeated run may not show again, in a sentence."""
    return f"The same command run anew may differ in this: {'; '.join(found)}."
