"""Benchmarks that score otherwise than they say."""

from __future__ import annotations

import ast
import contextlib
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from breaking_benchmarks import breaks, declares
from good_benchmarks import Hidden, Numbers

from sparse_hub_core import Lengths, Question, Request


@breaks("perfect_predictions_score_the_best", "scores 99, not 100")
class NeverScoresAll(Numbers):
    def score(self, prediction: str, question: Question) -> float | None:
        return min(99.0, super().score(prediction, question) or 0.0)


@breaks("perfect_predictions_score_the_best", "scores nan, which is no finite number")
class ScoresNan(Numbers):
    def score(self, prediction: str, question: Question) -> float | None:
        return float("nan")


@breaks("perfect_predictions_score_the_best", "scores 0, not 100")
class ComparesTheLongAnswer(Numbers):
    def perfect_prediction(self, question: Question) -> str:
        return question.references[0][:-1]


@breaks("empty_predictions_score_the_worst", "an empty prediction scores 100, not 0")
class LooksForThePrediction(Numbers):
    def score(self, prediction: str, question: Question) -> float | None:
        return 100.0 * (prediction in question.references[0])


@breaks("any_prediction_scores_in_range", "raises ValueError")
class ReadsNumbers(Numbers):
    def score(self, prediction: str, question: Question) -> float | None:
        numbers = [int(word) for word in prediction.split() if word.isdigit()]
        return 100.0 * (numbers == [int(question.references[0])])


@breaks("any_prediction_scores_in_range", "5000 words raises MemoryError")
class ReadsLiterals(Numbers):
    def score(self, prediction: str, question: Question) -> float | None:
        with contextlib.suppress(ValueError, SyntaxError, TypeError):
            ast.literal_eval(prediction)
        return super().score(prediction, question)


@breaks("any_prediction_scores_in_range", "exact of 5000 words is 100000, outside the range from 0 to 100")
class CountsWords(Numbers):
    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        return {"exact": 20.0 * (prediction.count(" ") + 1) if len(prediction) > 1000 else 0.0}


@breaks("predictions_are_never_run", "runs the code of a prediction, as a mapping")
class EvaluatesMappings(Numbers):
    def score(self, prediction: str, question: Question) -> float | None:
        try:
            if prediction.startswith("{'1'"):
                eval(prediction)  # noqa: S307
        except (SyntaxError, NameError, TypeError, ValueError):
            pass
        return super().score(prediction, question)


@breaks("scores_do_not_depend_on_order", "in another order")
class RemembersTheLast(Numbers):
    last = ""

    def score(self, prediction: str, question: Question) -> float | None:
        before, self.last = self.last, prediction
        return 50.0 if prediction and before == "A B C D E F" else super().score(prediction, question)


@breaks("scores_do_not_depend_on_order", "by a new instance")
class ScoresByInstance(Numbers):
    first: Any = None

    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        cls = type(self)
        cls.first = cls.first or self
        return {"exact": 100.0 * (self is cls.first)}


declares("other_scores_are_declared", "gives ['exact'], where ['exact', 'f1']", Numbers, other_metrics=("exact", "f1"))


@breaks("other_scores_are_declared", "is -5, outside the range")
class ScoresBelow(Numbers):
    def other_scores(self, prediction: str, question: Question) -> Mapping[str, float]:
        return {"exact": -5.0 if prediction == question.references[0] else 0.0}


@breaks("hidden_answers_are_hidden", "though it has references: ['river 0 of Elm']", name="hidden")
class HidesNothing(Hidden):
    hidden = False


@breaks("hidden_answers_are_hidden", "scores 0.0 for code", name="hidden")
class ScoresTheUnknown(Hidden):
    def score(self, prediction: str, question: Question) -> float | None:
        return 0.0 if "def" in prediction else None


@breaks("copies_score_the_same", "it cannot be pickled")
class KeepsAFunction(Numbers):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.strip = lambda text: text.strip()


@breaks("copies_score_the_same", "scores 100.0, by a copy of the benchmark 50.0")
class LosesItsWeight(Numbers):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.weight = 100.0

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "weight": 50.0}

    def score(self, prediction: str, question: Question) -> float | None:
        return self.weight * (question.references[0] in prediction)


@breaks("global_randomness_is_left_alone", "is another one after making and scoring")
class DrawsFromPython(Numbers):
    def score(self, prediction: str, question: Question) -> float | None:
        random.random()
        return super().score(prediction, question)


@breaks("global_randomness_is_left_alone", "is another one after making and scoring")
class SeedsNumpy(Numbers):
    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        np.random.seed(seed)
        return super().request(lengths, seed, index)


SEEDED: list[int] = []


@breaks("global_randomness_is_left_alone", "of another process")
class SeedsOnce(Numbers):
    def request(self, lengths: Lengths, seed: int, index: int) -> Request:
        if not SEEDED:
            SEEDED.append(seed)
            random.seed(seed)
        return super().request(lengths, seed, index)
