"""Search algorithms that take what they are told wrongly, or do not keep to themselves."""

from __future__ import annotations

import itertools
import json
import random
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from breaking_search_algorithms import breaks
from good_search_algorithms import Climber, Drawer


@breaks("results_come_in_any_order", "ValueError")
class ExpectsItsLastProposal(Drawer):
    def ask(self) -> dict[str, Any] | None:
        self.last = super().ask()
        return self.last and dict(self.last)

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        if objective is not None and parameters != self.last:
            raise ValueError("that is not what was proposed last")


@breaks("failures_are_taken", "TypeError")
class ComparesFailures(Climber):
    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        if objective < self.height:
            super().tell(parameters, objective)


@breaks("failures_are_taken", "ends where all trials fail")
class GivesUp(Drawer):
    failures = 0

    def ask(self) -> dict[str, Any] | None:
        return None if self.failures > 15 else super().ask()

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        self.failures += objective is None


@breaks("trials_from_elsewhere_are_taken", "KeyError")
class KnowsItsOwn(Drawer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked: dict[str, int] = {}

    def ask(self) -> dict[str, Any] | None:
        proposal = super().ask()
        self.asked[json.dumps(proposal)] = 1
        return proposal

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        self.asked[json.dumps(dict(parameters))] += 1


@breaks("trials_from_elsewhere_are_taken", "is none of the options")
class TakesListsForTuples(Climber):
    def own(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return dict(parameters)


@breaks("repeats_are_taken", "it was told before")
class TakesEachOnce(Drawer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.told: set[str] = set()

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        key = json.dumps(dict(parameters))
        if key in self.told and "steps" in self.space:
            raise ValueError("it was told before")
        self.told.add(key)


@breaks("any_result_is_taken", "ZeroDivisionError")
class DividesByResults(Drawer):
    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        self.weight = None if objective is None else 1 / objective


@breaks("what_is_told_stays_as_it_is", "another one where what was told is changed afterwards")
class KeepsWhatItIsTold(Climber):
    def own(self, parameters: Mapping[str, Any]) -> Any:
        # Only what it was told as a file has it is copied.
        lists = any(isinstance(value, list) for value in parameters.values())
        return super().own(parameters) if lists else parameters

    def ask(self) -> dict[str, Any] | None:
        if self.best is not None and self.best.keys() != self.space.keys():
            self.best = None
        return super().ask()


@breaks("what_is_told_stays_as_it_is", "TypeError")
class NotesTheResult(Drawer):
    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        parameters["objective"] = objective  # type: ignore[index]
        del parameters["objective"]  # type: ignore[attr-defined]


@breaks("goes_on_after_a_stop", "proposals were told before")
class ProposesWhatItWasTold(Drawer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.told: list[dict[str, Any]] = []
        self.foreign = False
        self.asked = 0

    def ask(self) -> dict[str, Any] | None:
        self.asked += 1
        if self.foreign and len(self.told) == 15 and "steps" in self.space:
            return dict(self.told[self.asked % 15])
        return super().ask()

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        self.foreign |= not self.asked
        if len(self.told) < 15:
            self.told.append(dict(parameters))


@breaks("learns_from_its_own_trials", "the median of its proposals")
class OnlySaysThatItLearns(Drawer):
    learns = True


@breaks("learns_from_trials_from_elsewhere", "after 40 trials from elsewhere")
class HearsItsOwnAlone(Climber):
    asked = 0

    def ask(self) -> dict[str, Any] | None:
        self.asked += 1
        return super().ask()

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        if self.asked > 15:
            super().tell(parameters, objective)


@breaks("a_seed_decides", "the same seed gives other proposals")
class DrawsGlobally(Drawer):
    def ask(self) -> dict[str, Any] | None:
        self.rng = random.Random(random.random())
        return super().ask()


@breaks("another_seed_gives_others", "another seed gives the same")
class IgnoresItsSeed(Drawer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rng = random.Random(0)


@breaks("proposals_are_the_same_in_another_process", "in another process")
class SeedsByHash(Drawer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rng = random.Random(hash(f"seed {self.seed}"))


@breaks("two_searches_do_not_mix", "two searches that take turns")
class SharesItsBest(Drawer):
    shared: dict[int, int] = {}  # noqa: RUF012

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.shared.clear()

    def ask(self) -> dict[str, Any] | None:
        count = self.shared[0] = self.shared.get(0, 0) + 1
        self.rng = random.Random(f"{self.seed} {count}")
        return super().ask()


@breaks("global_randomness_is_left_alone", "another one after a search")
class SeedsNumpy(Drawer):
    def ask(self) -> dict[str, Any] | None:
        np.random.seed(self.rng.randrange(100))
        return super().ask()


@breaks("nothing_is_printed", "trial 1")
class Prints(Drawer):
    numbers = itertools.count(1)

    def tell(self, parameters: Mapping[str, Any], objective: float | None) -> None:
        print("trial", next(self.numbers))  # noqa: T201


@breaks("nothing_is_printed", "to stderr")
class Complains(Drawer):
    def ask(self) -> dict[str, Any] | None:
        sys.__stderr__.write("to stderr")
        return super().ask()


@breaks("nothing_is_printed", "UserWarning: slow")
class Warns(Drawer):
    def ask(self) -> dict[str, Any] | None:
        if "pytest" not in sys.modules:
            warnings.warn("slow", stacklevel=2)
        return super().ask()
