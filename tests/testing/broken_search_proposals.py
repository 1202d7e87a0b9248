"""Search algorithms that declare or propose something wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from breaking_search_algorithms import breaks
from good_search_algorithms import Climber, Drawer

from sparse_hub_core import Domain
from sparse_hub_core.space import Choice, Real


@breaks("options_have_defaults", "the option 'width' has no default")
class WantsAnOption(Drawer):
    def __init__(self, space: Any, num_samples: int, num_workers: int, seed: int, *, width: int) -> None:
        super().__init__(space, num_samples, num_workers, seed)


@breaks("options_have_defaults", "the option 'width' has no type")
class HasAnUntypedOption(Drawer):
    def __init__(self, space: Any, num_samples: int, num_workers: int, seed: int, *, width=3) -> None:
        super().__init__(space, num_samples, num_workers, seed)


@breaks("options_have_defaults", "the default 2.5 of 'width' is refused")
class HasAnotherDefault(Drawer):
    def __init__(self, space: Any, num_samples: int, num_workers: int, seed: int, *, width: int = 2.5) -> None:
        super().__init__(space, num_samples, num_workers, seed)


@breaks("known_failures_have_reasons", "no reason for 'a_seed_decides'")
class GivesNoReason(Drawer):
    known_failures = {"a_seed_decides": "no"}  # noqa: RUF012


@breaks("proposals_lie_in_the_space", "lacks ['fixed']")
class LeavesOutWhatIsFixed(Climber):
    def draw(self) -> dict[str, Any]:
        return {
            name: domain.sample(self.rng)
            for name, domain in self.space.items()
            if isinstance(domain, Choice) or domain.low < domain.high
        }

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        pass


@breaks("proposals_lie_in_the_space", "names ['trial'], which the space does not")
class AddsItsOwn(Drawer):
    def ask(self) -> dict[str, Any] | None:
        return {**(super().ask() or {}), "trial": 1}


@breaks("proposals_lie_in_the_space", "is of the type float64, not float")
class ProposesNumpyNumbers(Drawer):
    def ask(self) -> dict[str, Any] | None:
        proposal = super().ask() or {}
        return {name: np.float64(value) if type(value) is float else value for name, value in proposal.items()}


@breaks("proposals_lie_in_the_space", "is not between")
class StepsOut(Climber):
    def near(self, domain: Domain, value: Any) -> Any:
        return value * 1.2 if isinstance(domain, Real) else super().near(domain, value)


@breaks("proposals_lie_in_the_space", "is none of the options")
class ProposesIndices(Drawer):
    def ask(self) -> dict[str, Any] | None:
        proposal = super().ask() or {}
        return {
            name: domain.options.index(proposal[name]) if isinstance(domain, Choice) else proposal[name]
            for name, domain in self.space.items()
        }


@breaks("proposals_lie_in_the_space", "unhashable")
class HashesOptions(Drawer):
    def ask(self) -> dict[str, Any] | None:
        proposal = super().ask() or {}
        self.seen = hash(tuple(proposal.values()))
        return proposal


@breaks("proposals_lie_in_the_space", "nothing is proposed")
class ProposesNothing(Drawer):
    def ask(self) -> dict[str, Any] | None:
        return None


class Proposal(dict[str, Any]):
    pass


@breaks("proposals_can_be_written", "of the type Proposal, not dict")
class ProposesItsOwnKind(Drawer):
    def ask(self) -> dict[str, Any] | None:
        return Proposal(super().ask() or {})


@breaks("nothing_to_search_is_one_point", "StopIteration")
class WantsAParameter(Drawer):
    def ask(self) -> dict[str, Any] | None:
        next(iter(self.space))
        return super().ask()


@breaks("nothing_to_search_is_one_point", "not even {}")
class SkipsEmptySpaces(Drawer):
    def ask(self) -> dict[str, Any] | None:
        return super().ask() or None


@breaks("workers_need_not_wait", "after 1 proposals without a tell none is left")
class WaitsForItsResult(Drawer):
    waits = False

    def ask(self) -> dict[str, Any] | None:
        if self.waits:
            return None
        self.waits = True
        return super().ask()

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        self.waits = False


@breaks("proposals_differ", "only 1 of 20 proposals are different")
class ProposesOnePoint(Drawer):
    def ask(self) -> dict[str, Any] | None:
        self.rng = random.Random(self.seed)
        return super().ask()


@breaks("an_end_is_an_end", "though the space has many more points")
class EndsWithItsSamples(Drawer):
    asked = 0

    def ask(self) -> dict[str, Any] | None:
        self.asked += 1
        return super().ask() if self.asked <= 2 * self.num_samples else None


@breaks("an_end_is_an_end", "after it ended with None")
class PausesBetween(Drawer):
    asked = 0

    def ask(self) -> dict[str, Any] | None:
        self.asked += 1
        return None if self.asked == 30 else super().ask()
