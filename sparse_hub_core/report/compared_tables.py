"""A comparison of runs as tables, sentences and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparse_hub_core.report.arms import Arm, Source
from sparse_hub_core.report.best_presets import how_chosen
from sparse_hub_core.report.compared import TaskComparison
from sparse_hub_core.report.data_table import Column, DataTable, plain
from sparse_hub_core.report.formats import Writer
from sparse_hub_core.report.numbers import difference, number, p_value, percent
from sparse_hub_core.validation.comparison import Comparison
from sparse_hub_core.wording import count


@dataclass(frozen=True)
class Pair:
    """One comparison, and what it is of."""

    of: TaskComparison
    found: Comparison

    @property
    def better(self) -> str | None:
        """The one that wins, None where that may be chance."""
        return self.found.better(self.of.higher_is_better)

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.better is None:
            return "within noise"
        return "first is better" if self.better == self.found.first else "second is better"


def pairs_table(compared: Sequence[TaskComparison]) -> DataTable[Pair]:
    """Return a row for each pair of arms of all tasks."""
    return DataTable(PAIRS, tuple(Pair(one, found) for one in compared for found in one.comparisons))


def arms_table(arms: Sequence[Arm]) -> DataTable[Arm]:
    """Return a row for each arm of a task."""
    return DataTable(ARMS, tuple(arms))


def write_comparison(compared: Sequence[TaskComparison], writer: Writer) -> None:
    """Write who wins, and whether that is noise; a part for each model and task."""
    for one in compared:
        better = "higher" if one.higher_is_better else "lower"
        writer.heading(f"{one.place}, {one.metric} ({better} is better)")
        writer.say(_shared(one))
        arms = arms_table(one.arms)
        writer.table(arms.headings, arms.texts)
        pairs = pairs_table([one]).only(lambda heading, texts: heading not in ("model", "task"))
        if pairs.rows:
            writer.say("")
            writer.table(pairs.headings, pairs.texts)
        for sentence in (*_answer(one), *_about(one), *one.sentences):
            writer.say(sentence)


def comparison_json(sources: Sequence[Source], compared: Sequence[TaskComparison]) -> dict[str, Any]:
    """Return all of it, unrounded; docs/comparing-runs.md says what is where."""
    return {
        "runs": [{"name": source.name, "path": str(source.path)} for source in sources],
        "tasks": [
            {
                "model": one.model,
                "task": one.task,
                "metric": one.metric,
                "higher_is_better": one.higher_is_better,
                "questions_shared": one.num_shared,
                "questions_not_shared": one.num_others,
                "answer": one.answer.chosen.name if one.answer else None,
                "presets": arms_table(one.arms).records,
                "comparisons": pairs_table([one]).records,
                "notes": [*_answer(one), *one.sentences],
            }
            for one in compared
        ],
    }


def _shared(one: TaskComparison) -> str:
    if not one.num_others:
        return f"All answered the same {count(one.num_shared, 'question')}."
    others = f"{count(one.num_others, 'question')} that only some answered"
    return f"{count(one.num_shared, 'question')} that all answered; {others}. Each pair is compared on those it shares."


def _answer(one: TaskComparison) -> list[str]:
    if one.answer is None:
        return ["No answer: no question with a score was answered by all."]
    return [f"Answer: {one.answer.chosen.name}.", *how_chosen(one.answer, len(one.arms))]


def _about(one: TaskComparison) -> list[str]:
    """Return what the columns say."""
    if not one.comparisons:
        return []
    tests = " and ".join(dict.fromkeys(found.test for found in one.comparisons))
    return [
        f"Difference: first minus second, paired by question, with its 95% interval clustered by request. p: {tests}, "
        f"adjusted by Holm over {count(one.comparisons[0].family, 'pair')}. Within noise: the interval contains 0, or "
        "the adjusted p is above 0.05, which does not say that the two are as good.",
    ]


PAIRS: tuple[Column[Pair], ...] = (
    plain("model", lambda pair: pair.of.model),
    plain("task", lambda pair: pair.of.task),
    plain("first", lambda pair: pair.found.first),
    plain("second", lambda pair: pair.found.second),
    Column(
        "difference [95% interval]",
        lambda pair: difference(pair.found.difference),
        ("difference", "difference_low", "difference_high"),
        lambda pair: (pair.found.difference.mean, pair.found.difference.low, pair.found.difference.high),
    ),
    Column(
        "n",
        lambda pair: f"{pair.found.difference.n} in {count(pair.found.difference.clusters, 'request')}",
        ("questions", "requests"),
        lambda pair: (pair.found.difference.n, pair.found.difference.clusters),
    ),
    Column(
        "p", lambda pair: p_value(pair.found.p_value), ("p", "test"), lambda pair: (pair.found.p_value, pair.found.test)
    ),
    Column(
        "p (adjusted)",
        lambda pair: p_value(pair.found.adjusted_p),
        ("p_adjusted", "adjusted_over"),
        lambda pair: (pair.found.adjusted_p, pair.found.family),
    ),
    Column(
        "verdict",
        lambda pair: pair.verdict,
        ("better", "within_noise", "only_first_right", "only_second_right"),
        lambda pair: (
            pair.better,
            pair.better is None,
            pair.found.only_first_right,
            pair.found.only_second_right,
        ),
    ),
)

ARMS: tuple[Column[Arm], ...] = (
    Column(
        "preset",
        lambda arm: arm.name,
        ("name", "run", "preset", "target"),
        lambda arm: (arm.name, arm.run, arm.cell.preset, arm.cell.target),
    ),
    Column(
        "score",
        lambda arm: number(_mean(arm)),
        ("score",),
        lambda arm: (_mean(arm),),
    ),
    Column(
        "questions",
        lambda arm: str(len(arm.sparse.scores)),
        ("questions",),
        lambda arm: (len(arm.sparse.scores),),
    ),
    Column(
        "density",
        lambda arm: percent(arm.validation.density_validation),
        ("density",),
        lambda arm: (arm.validation.density_validation,),
    ),
    Column(
        "I/O density",
        lambda arm: percent(arm.validation.io_density_validation),
        ("io_density",),
        lambda arm: (arm.validation.io_density_validation,),
    ),
)


def _mean(arm: Arm) -> float | None:
    return arm.sparse.mean if arm.sparse.scores else None
