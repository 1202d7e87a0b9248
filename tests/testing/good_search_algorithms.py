"""A search algorithm that passes every check, which others break in one small way."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Gt, Le

from sparse_hub_core import Domain, SearchAlgorithm
from sparse_hub_core.space import Choice, Integer


class Climber(SearchAlgorithm):
    """Changes about two values of the best point that it knows, and draws a new one now and then."""

    learns = True

    def __init__(
        self,
        space: Mapping[str, Domain],
        num_samples: int,
        num_workers: int,
        seed: int,
        *,
        daring: Annotated[float, Gt(0), Le(1)] = 0.1,
    ) -> None:
        super().__init__(space, num_samples, num_workers, seed)
        self.daring = daring
        self.rng = random.Random(seed)
        self.best: dict[str, Any] | None = None
        self.height = float("inf")

    def ask(self) -> dict[str, Any] | None:
        if self.best is None or self.rng.random() < self.daring:
            return self.draw()
        return {
            name: self.near(domain, self.best[name]) if self.rng.random() < 2 / len(self.space) else self.best[name]
            for name, domain in self.space.items()
        }

    def draw(self) -> dict[str, Any]:
        return {name: domain.sample(self.rng) for name, domain in self.space.items()}

    def near(self, domain: Domain, value: Any) -> Any:
        if isinstance(domain, Choice):
            return domain.sample(self.rng)
        moved = value + self.rng.gauss(0, 0.1) * (domain.high - domain.low)
        moved = min(domain.high, max(domain.low, moved))
        return round(moved) if isinstance(domain, Integer) else moved

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        if objective is not None and objective < self.height:
            self.best, self.height = self.own(parameters), objective

    def own(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self.as_in_space(parameters)


class Drawer(SearchAlgorithm):
    """Draws, and hears nothing."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rng = random.Random(self.seed)

    def ask(self) -> dict[str, Any] | None:
        return {name: domain.sample(self.rng) for name, domain in self.space.items()}

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        pass


GOOD: tuple[type[SearchAlgorithm], ...] = (Climber, Drawer)
