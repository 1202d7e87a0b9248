"""How far the rungs of the ladder rank configurations alike: `python benchmarks/rung_correlations.py`.

Random configurations, each measured at every rung on the requests that a ladder gives it there. By error, and by what
F3 gives as score; signs are turned so that 1 always means: the better below, the better above.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from shared.workbench import Workbench, header, is_quick, load, optimizer_of, seconds, set_up

from sparse_hub_core.fidelity import Fidelity, Measures
from sparse_hub_core.search.ladder import MIN_CORRELATED, correlate, rungs

QUICK = is_quick("How far the rungs of the ladder rank configurations alike.")
PRESETS = ("sink_local_oracle_top_k", "sink_local_quest", "sink_local_magic_pig")
TASKS = ("ruler/niah_multikey_2", "ruler/vt")
CONFIGURATIONS, CONTEXT, REQUESTS = 20, 2048, 10
if QUICK:
    CONFIGURATIONS, CONTEXT, REQUESTS = 6, 1024, 2
SMALL = 0.25
"""Configurations that read more than this share of the keys say little of which sparse one is better."""


def error(measures: Measures) -> float:
    """Attention error."""
    return measures.error


def divergence(measures: Measures) -> float:
    """KL of the next-token distributions."""
    assert measures.kl is not None
    return measures.kl


def lost_score(measures: Measures) -> float:
    """What is missing of the score, the lower the better, as errors are."""
    assert measures.score is not None
    return -measures.score


PAIRS: tuple[tuple[str, Fidelity, Callable[[Measures], float], Fidelity, Callable[[Measures], float]], ...] = (
    ("error", "F0", error, "F1", error),
    ("error", "F1", error, "F2", error),
    ("error", "F2", error, "F3", error),
    ("error", "F0", error, "F3", error),
    ("error, score", "F0", error, "F3", lost_score),
    ("error, score", "F2", error, "F3", lost_score),
    ("KL, score", "F2", divergence, "F3", lost_score),
)


def table(workbench: Workbench, preset: str) -> None:
    """Print the correlations of a preset on a task."""
    stacks = workbench.random_configurations(optimizer_of(preset), CONFIGURATIONS, seed=0)
    ladder = rungs("ladder", masks_prefix=False)
    found = {rung.fidelity: [workbench.trial(stack, rung) for stack in stacks] for rung in ladder}
    scores = [-lost_score(measures) for measures in found["F3"]]
    sparse = [index for index, measures in enumerate(found["F1"]) if measures.density <= SMALL]
    print(f"\n{workbench.task}, {preset}: densities {spread_of([m.density for m in found['F1']], '.1%')}, ", end="")
    print(f"errors {spread_of([m.error for m in found['F3']], '.3f')}, scores {spread_of(scores, '.1f')}")
    for name, chosen in (("all", list(range(len(stacks)))), (f"density up to {SMALL:.0%}", sparse)):
        if len(chosen) < MIN_CORRELATED:
            print(f"  {name}: {len(chosen)} of them, too few to say")
            continue
        for what, lower, below, upper, above in PAIRS:
            lows, highs = [below(found[lower][i]) for i in chosen], [above(found[upper][i]) for i in chosen]
            correlation = correlate(lower, upper, lows, highs)
            told = "cannot be told: all alike"
            if correlation is not None:
                interval = f"({correlation.low:.2f} to {correlation.high:.2f})"
                told = f"Spearman {correlation.spearman:5.2f} {interval:16} Kendall {correlation.kendall:5.2f}"
            print(f"  {name:20} {lower}-{upper} {what:13} n={len(chosen):2}  {told}")


def spread_of(values: list[float], kind: str) -> str:
    """Return the smallest and the largest."""
    return f"{min(values):{kind}} to {max(values):{kind}}"


def main() -> None:
    """Print all correlations."""
    torch.set_num_threads(1)
    header("Rank correlations of the rungs")
    print(f"{CONFIGURATIONS} random configurations, {CONTEXT} tokens, {REQUESTS} requests")
    print("intervals 95%, Bonett and Wright's")
    for task in TASKS:
        with tempfile.TemporaryDirectory() as name:
            workbench = set_up(Path(name), CONTEXT, REQUESTS, task=task)
            workbench.record()
            for preset in PRESETS:
                taken = seconds(lambda: table(workbench, preset))
                print(f"  {taken:.0f} s; {load()}", flush=True)


if __name__ == "__main__":
    main()
