"""How cores are divided among workers, none of which can span two machines."""

from __future__ import annotations

from collections.abc import Sequence


def workers_that_fit(cores: Sequence[int], threads: int) -> int:
    """Return how many workers with so many threads fit on machines with so many cores each."""
    return sum(of_machine // threads for of_machine in cores)


def divide(cores: Sequence[int], size: int | None, threads: int | None) -> tuple[int, int]:
    """Return the number of workers and the threads of each, whichever of them was asked for; at least one of both."""
    if size is None:
        threads = threads or 1
        return max(1, workers_that_fit(cores, threads)), threads
    if threads is None:
        fitting = [count for count in range(1, max(cores, default=1) + 1) if workers_that_fit(cores, count) >= size]
        threads = max(fitting, default=1)
    return size, threads
