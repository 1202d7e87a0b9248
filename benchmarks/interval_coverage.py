"""How often the 95% intervals hold the truth: `python benchmarks/interval_coverage.py`, tables in Markdown.

The interval that is used beside others, on simulated scores whose true mean is known. Intervals of all methods are
widened by the rule of three in the same places, so that the tables show what the methods differ in.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from simulated.cases import CASES, Case
from simulated.intervals import METHODS, by_request

from sparse_hub_core.results.schema import Interval
from sparse_hub_core.validation.statistics import clustered_mean, rule_of_three

REQUESTS = (10, 20, 32, 50, 200)
BESIDE = 20
"""Requests at which the methods are compared."""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="How often the 95% intervals hold the truth.")
    parser.add_argument("--simulations", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="few simulations, to see that it runs")
    asked = parser.parse_known_args()[0]
    simulations = 100 if asked.quick else asked.simulations
    begin = time.time()
    print(f"Coverage in percent (mean half width in points), {simulations} simulations a cell, ", end="")
    print(f"standard error {100 * (0.95 * 0.05 / simulations) ** 0.5:.2f} at 95:\n")
    _line(["what is measured", *(f"n = {requests}" for requests in REQUESTS)])
    _line(["---"] * (len(REQUESTS) + 1))
    for case in CASES:
        cells = (_summed(case, _drawn(case, requests, simulations)) for requests in REQUESTS)
        _line([case.name, *cells])
    print(f"\nThe same at n = {BESIDE}, beside other methods:\n")
    _line(["what is measured", "used here", *METHODS])
    _line(["---"] * (len(METHODS) + 2))
    for case in CASES:
        drawn = _drawn(case, BESIDE, simulations)
        _line([case.name, _summed(case, drawn), *(_summed(case, _by_method(case, drawn, name)) for name in METHODS)])
    print(f"\n{time.time() - begin:.0f} s")


Drawn = Sequence[tuple[Sequence[Sequence[float]], Interval]]


def _drawn(case: Case, requests: int, simulations: int) -> Drawn:
    """Return simulated scores with the interval that the hub gives them."""
    rng = np.random.default_rng(requests)
    values = (case.draw(rng, requests) for _ in range(simulations))
    return [(one, clustered_mean(one, case.lowest, 100.0)) for one in values]


def _by_method(case: Case, drawn: Drawn, name: str) -> Drawn:
    """Return the same scores with the interval of another method."""
    found = []
    for values, interval in drawn:
        sums, counts = by_request(values)
        low, high = METHODS[name](sums, counts)
        low, high = rule_of_three(sums / counts, interval.mean, (low, high), (case.lowest, 100.0))
        found.append((values, interval.model_copy(update={"low": max(low, case.lowest), "high": min(high, 100.0)})))
    return found


def _summed(case: Case, drawn: Drawn) -> str:
    slack = 1e-9
    covered = np.mean([one.low - slack <= case.truth <= one.high + slack for _, one in drawn])
    return f"{100 * covered:.1f} ({np.mean([one.high - one.low for _, one in drawn]) / 2:.1f})"


def _line(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
