"""The list of broken search algorithms: for every check at least one that fails it, and none before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sparse_hub_core import SearchAlgorithm


@dataclass(frozen=True)
class Broken:
    """A class, the first check that it fails, and what is in the sentence of the failure."""

    check: str
    says: str
    algorithm: type[SearchAlgorithm]


BROKEN: list[Broken] = []
ClassT = TypeVar("ClassT", bound=type[SearchAlgorithm])


def breaks(check: str, says: str) -> Callable[[ClassT], ClassT]:
    def register(algorithm: ClassT) -> ClassT:
        BROKEN.append(Broken(check, says, algorithm))
        return algorithm

    return register
