"""Runs beside each other: every pair of winners of a model and task, on the questions that both answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from sparse_hub_core.errors import UsageError
from sparse_hub_core.lookup import get_task
from sparse_hub_core.report.arms import Arm, Question, Source
from sparse_hub_core.report.unlike import unlike_sentences
from sparse_hub_core.validation.answer import Answer, Candidate, answer
from sparse_hub_core.validation.comparison import Comparison, adjusted, compare
from sparse_hub_core.wording import count

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry

ROUNDING = 1e-9
"""Scores of the same answer may differ by as much."""


@dataclass(frozen=True)
class TaskComparison:
    """The winners of one model and task."""

    model: str
    task: str
    metric: str
    higher_is_better: bool
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    """Of each pair, on the questions that the two share; adjusted over all of them."""
    answer: Answer | None
    """The one to take, on the questions that all share."""
    num_shared: int
    """Questions that all answered."""
    num_others: int
    """Questions that only some answered."""
    sentences: tuple[str, ...]
    """What is to be known about it."""

    @property
    def place(self) -> str:
        """What was compared."""
        return f"{self.model}, {self.task}"


def compare_runs(sources: Sequence[Source], registry: Registry) -> list[TaskComparison]:
    """Return the comparison of each model and task of which two winners were validated.

    Raises:
        UsageError: There is none, or no two of them share a question.
    """
    by_place: dict[tuple[str, str], list[Arm]] = {}
    for source in sources:
        for arm in source.arms:
            by_place.setdefault((arm.cell.model, arm.cell.task), []).append(arm)
    common = {place: arms for place, arms in by_place.items() if _is_comparable(arms, len(sources))}
    if not common:
        raise UsageError(_nothing_in_common(sources))
    if not any(arm.sparse.scores for arms in common.values() for arm in arms):
        raise UsageError(
            f"The answers of {', '.join(task for _, task in common)} are not published, so there are no scores to "
            "compare; sparse-hub show has the errors and densities."
        )
    found = [_compare(place, arms, sources, registry) for place, arms in common.items()]
    if not any(_answers_the_question(one, pair, len(sources)) for one in found for pair in one.comparisons):
        raise UsageError(_no_question_in_common(sources, found))
    return found


def _compare(
    place: tuple[str, str], arms: Sequence[Arm], sources: Sequence[Source], registry: Registry
) -> TaskComparison:
    judged = arms[0].validation
    score_range = judged.score_range or get_task(registry, place[1]).subset.score_range
    seed = sources[0].seed
    unlike = _unlike_questions(arms)
    arms = [arm.on(frozenset(arm.sparse.scores) - unlike) for arm in arms]
    pairs = [
        compare(first.sparse, second.sparse, score_range, seed)
        for first, second in combinations(arms, 2)
        if first.sparse.scores.keys() & second.sparse.scores.keys()
    ]
    shared = frozenset.intersection(*(frozenset(arm.sparse.scores) for arm in arms))
    every = {question for arm in arms for question in arm.sparse.scores} | unlike
    involved = [source for source in sources if source.name in {arm.run for arm in arms}]
    dense_sentences = _unlike_dense(arms, involved)
    return TaskComparison(
        model=place[0],
        task=place[1],
        metric=judged.metric,
        higher_is_better=judged.higher_is_better,
        arms=tuple(arms),
        comparisons=tuple(adjusted(pairs)),
        answer=_answer([arm.on(shared) for arm in arms], score_range, judged.higher_is_better, seed),
        num_shared=len(shared),
        num_others=len(every) - len(shared),
        sentences=(
            *_unlike_sentence(unlike),
            *_apart(arms, len(pairs)),
            *unlike_sentences(involved, place, has_unlike_dense=bool(dense_sentences)),
            *dense_sentences,
        ),
    )


def _is_comparable(arms: Sequence[Arm], num_sources: int) -> bool:
    """Return whether there is something to compare: two arms of the only run, or arms of two runs."""
    return len(arms) > 1 if num_sources == 1 else len({arm.run for arm in arms}) > 1


def _answers_the_question(one: TaskComparison, pair: Comparison, num_sources: int) -> bool:
    """Return whether a pair says something of what was asked: of several runs, how they differ."""
    runs = {arm.name: arm.run for arm in one.arms}
    return num_sources == 1 or runs[pair.first] != runs[pair.second]


def _answer(arms: Sequence[Arm], score_range: tuple[float, float], higher_is_better: bool, seed: int) -> Answer | None:
    candidates = [
        Candidate(arm.sparse, arm.validation.density_validation, arm.validation.io_density_validation) for arm in arms
    ]
    return answer(candidates, score_range, higher_is_better, seed)


def _unlike_questions(arms: Sequence[Arm]) -> frozenset[Question]:
    """Return the questions that go by one id and have other references: they are not the same."""
    seen: dict[Question, tuple[str, ...]] = {}
    unlike: set[Question] = set()
    for arm in arms:
        for question, references in arm.references.items():
            if seen.setdefault(question, references) != references:
                unlike.add(question)
    return frozenset(unlike)


def _unlike_sentence(unlike: frozenset[Question]) -> list[str]:
    if not unlike:
        return []
    told = f"{count(len(unlike), 'question')} of the same id {'has' if len(unlike) == 1 else 'have'} other references"
    return [f"{told} in another run, so they are not the same and are left out."]


def _apart(arms: Sequence[Arm], num_pairs: int) -> list[str]:
    """Return that some pairs share no question."""
    num_apart = len(arms) * (len(arms) - 1) // 2 - num_pairs
    if not num_apart:
        return []
    return [f"{count(num_apart, 'pair')} of {num_apart + num_pairs} share no question and are not compared."]


def _unlike_dense(arms: Sequence[Arm], sources: Sequence[Source]) -> list[str]:
    """Return where dense attention scored the same question otherwise in another run."""
    of_run = {arm.run: arm for arm in reversed(arms)}
    told = []
    for first, second in combinations([source.name for source in sources], 2):
        one, other = of_run[first].dense.scores, of_run[second].dense.scores
        shared = one.keys() & other.keys()
        num_unlike = sum(abs(one[question] - other[question]) > ROUNDING for question in shared)
        if num_unlike:
            told.append(
                f"Dense attention scores {num_unlike} of the {count(len(shared), 'shared question')} otherwise in "
                f"{first} than in {second}, so not only the presets differ."
            )
    return told


def _nothing_in_common(sources: Sequence[Source]) -> str:
    if len(sources) == 1:
        validated = ", ".join(arm.name for arm in sources[0].arms) or "none"
        return (
            f"{sources[0].name} has no two presets that were validated on one model and task (validated: {validated}); "
            "name another run beside it, or run another preset."
        )
    places = [", ".join(f"{task} with {model}" for model, task in source.conditions) for source in sources]
    has = [f"{source.name} has {of or 'no validated preset'}" for source, of in zip(sources, places, strict=True)]
    return f"{_names(sources)} share no model and task: {'; '.join(has)}."


def _no_question_in_common(sources: Sequence[Source], found: Sequence[TaskComparison]) -> str:
    reasons = [
        sentence
        for one in found
        for sentence in unlike_sentences(sources, (one.model, one.task), has_unlike_dense=False)[:1]
    ]
    told = (
        f"{_names(sources)} share no question of {'; '.join(one.place for one in found)}, so there is nothing to "
        "compare; run both with the same data, seed and lengths."
    )
    return " ".join([told, *dict.fromkeys(reasons)])


def _names(sources: Sequence[Source]) -> str:
    names = [source.name for source in sources]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
