"""How good searches are after 50 samples: `python benchmarks/search_quality.py`.

The lowest error within a budget of density, replayed whole (F1), one proposal after another, by five seeds of each
algorithm, beside the best point of the exhaustive grid and the best that anything here found.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from shared.workbench import (
    TASK,
    Workbench,
    ask_and_tell,
    header,
    is_quick,
    load,
    new_log,
    optimizer_of,
    seconds,
    set_up,
)

from sparse_hub_core.fidelity import Measures
from sparse_hub_core.optimizer_factory import Optimizer
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.search.algorithm_options import create_algorithm
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog
from sparse_hub_core.traces.measure import reseeded, samples

QUICK = is_quick("How good searches are after 50 samples.")
PRESETS = ("sink_local_oracle_top_k", "sink_local_quest", "sink_local_magic_pig")
ALGORITHMS = ("random", "nevergrad", "optuna_tpe", "optuna_nsga2", "hyperopt")
BUDGETS, SEEDS, SAMPLES, CONTEXT, REQUESTS, GRID = (0.05, 0.10), 5, 50, 2048, 2, 10**6
if QUICK:
    SEEDS, SAMPLES, CONTEXT, REQUESTS, GRID = 2, 12, 1024, 1, 20
CLOSE = 0.02
"""So much above the grid's best, as a share of it, counts as close where nothing is drawn by a seed."""
OTHER_SEEDS = 8


@dataclass
class Landscape:
    """What each configuration of a preset gives, measured once."""

    workbench: Workbench
    optimizer: Optimizer
    log: TrialLog
    known: dict[str, Measures] = field(default_factory=dict)

    @property
    def space(self) -> dict[str, Any]:
        """The search space."""
        return self.optimizer.create_search_space(TASK)

    def measures(self, parameters: Mapping[str, Any]) -> Measures:
        """Replay a configuration, unless it has been."""
        key = self.log.key(parameters)
        if key not in self.known:
            stack = self.optimizer.create_config_from_params(parameters)
            self.known[key] = Measures.mean(self.workbench.measures(stack, "F1"))
        return self.known[key]

    def search(self, name: str, num_samples: int, target: Target, seed: int, folder: Path) -> list[Any]:
        """Run an algorithm and return what it tried."""
        registry = load_registry()
        algorithm = registry.get(registry.search_algorithms, name).load()
        made = create_algorithm(algorithm, self.space, num_samples, 1, seed, {})
        log, keys = new_log(folder, self.optimizer), self.workbench.num_keys
        return ask_and_tell(made, target, log, num_samples, keys, self.measures, "F1")

    def noise(self, parameters: Mapping[str, Any]) -> float:
        """Return the standard deviation of a configuration's error over seeds, as a share of it; 0 without any."""
        stack = self.optimizer.create_config_from_params(parameters)
        if not samples(stack):
            return 0.0
        others = (reseeded(stack, 2 * number + 2) for number in range(OTHER_SEEDS))
        errors = [Measures.mean(self.workbench.measures(other, "F1")).error for other in others]
        return statistics.stdev(errors) / statistics.mean(errors)


def lowest(found: Sequence[tuple[Mapping[str, Any], Measures]], budget: float) -> tuple[float, Mapping[str, Any]]:
    """Return the lowest error within a budget, and the parameters behind it."""
    within = [(measures.error, parameters) for parameters, measures in found if measures.density <= budget]
    return min(within, key=lambda one: one[0], default=(math.inf, {}))


def table(landscape: Landscape, preset: str, folder: Path) -> None:
    """Print what each algorithm found of a preset."""
    anything = Target(lambda measures: measures.error)
    grid = landscape.search("grid", GRID, anything, 0, folder / f"{preset}-grid")
    best: dict[tuple[float, str], list[float]] = {}
    for budget in BUDGETS:
        target = Target(lambda measures: measures.error, max_density=budget)
        for name in ALGORITHMS:
            for seed in range(SEEDS):
                tried = landscape.search(name, SAMPLES, target, seed, folder / f"{preset}-{budget}-{name}-{seed}")
                best.setdefault((budget, name), []).append(lowest(tried, budget)[0])
    for budget in BUDGETS:
        error, parameters = lowest(grid, budget)
        noise = landscape.noise(parameters) if parameters else 0.0
        known = min((m.error for m in landscape.known.values() if m.density <= budget), default=math.inf)
        share = sum(measures.density <= budget for _, measures in grid) / len(grid)
        close = max(CLOSE, 2 * noise)
        print(f"\n{preset}, density at most {budget:.0%}: grid's best of {len(grid)} is {error:.4f} {parameters}")
        print(f"  {share:.0%} of the grid is within the budget; best of anything here {known:.4f}; ", end="")
        print(f"close is up to {close:.1%} above the grid's best" + (", two deviations over seeds" if noise else ""))
        print(f"  {'':14}{'median error (range)':>28}{'of random':>11}{'at most grid':>14}{'close':>8}{'none':>6}")
        at_random = statistics.median(best[budget, "random"])
        for name in ALGORITHMS:
            errors = best[budget, name]
            print(f"  {name:14}{row(errors, at_random, error, error * (1 + close))}")


def row(errors: Sequence[float], at_random: float, of_grid: float, close: float) -> str:
    """Return what the seeds of an algorithm found, beside random search and the grid; infinite where nothing."""
    median, some = statistics.median(errors), sum(map(math.isfinite, errors))
    shown = f"{median:.4f} ({min(errors):.4f}-{max(errors):.4f})"
    of_random = f"{median / at_random:.2f}" if math.isfinite(median) and math.isfinite(at_random) else "-"
    counts = [f"{sum(found <= limit for found in errors)} of {SEEDS}" if some else "-" for limit in (of_grid, close)]
    return f"{shown:>28}{of_random:>11}{counts[0]:>14}{counts[1]:>8}{SEEDS - some:>6}"


def main() -> None:
    """Print a table per preset and budget."""
    torch.set_num_threads(1)
    header("What searches find")
    print(f"{TASK}, {CONTEXT} tokens, {REQUESTS} requests, F1, {SAMPLES} samples, {SEEDS} seeds", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workbench = set_up(folder / "traces", CONTEXT, REQUESTS)
        workbench.record()
        for preset in PRESETS:
            optimizer = optimizer_of(preset)
            landscape = Landscape(workbench, optimizer, new_log(folder / preset, optimizer))
            taken = seconds(lambda: table(landscape, preset, folder))
            print(f"  {len(landscape.known)} configurations replayed, {taken:.0f} s; {load()}", flush=True)


if __name__ == "__main__":
    main()
