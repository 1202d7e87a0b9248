"""Generates training samples as token ids.

A sample is a *prefix* (BOS and the context) and several *questions*. Every question sees the prefix and
itself but no other question, and its positions start right after the prefix: one forward pass then trains
many questions, each in exactly the form in which the product asks a single one. Prefix and question are
tokenised apart, as the product does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from sparse_hub_benchmarks_builtin.demo_model_training.batch import Sample
from sparse_hub_benchmarks_builtin.demo_model_training.synthetic import SyntheticTasks
from sparse_hub_benchmarks_builtin.demo_model_training.templates import INTRO_ONE, VT_INTRO

VT_HOPS = 4
_CAPITALS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_END_WEIGHT = 0.3


class Generator(SyntheticTasks):
    """Draws samples of every task, with the words and templates of RULER."""

    def _number(self, leading: int | None = None) -> list[int]:
        first = int(self.rng.integers(100, 1000)) if leading is None else leading
        return self._ids(f" {first}{int(self.rng.integers(10000)):04d}")

    def _needles(self, count: int) -> list[tuple[list[int], list[int]]]:
        """Returns distinct keys with values; often many share a word, so that one word never suffices."""
        rng = self.rng
        few = max(2, count // 3)
        adjectives: Sequence[int] = range(len(self._adjectives))
        nouns: Sequence[int] = range(len(self._nouns))
        if rng.random() < 0.5:
            adjectives = [int(i) for i in rng.choice(len(self._adjectives), few)]
        if rng.random() < 0.3:
            nouns = [int(i) for i in rng.choice(len(self._nouns), max(few, 4))]
        leads = [int(i) for i in rng.integers(100, 1000, few)] if rng.random() < 0.3 else None
        keys: dict[tuple[int, int], None] = {}
        for _ in range(count * 4):
            if len(keys) == count:
                break
            keys[adjectives[int(rng.integers(len(adjectives)))], nouns[int(rng.integers(len(nouns)))]] = None
        return [
            (
                self._adjectives[a] + self._nouns[n],
                self._number(None if leads is None else leads[int(rng.integers(few))]),
            )
            for a, n in keys
        ]

    def _niah(self, needles: list[tuple[list[int], list[int]]], lines: list[list[int]], questions: int) -> Sample:
        prefix = [self._bos, *self._ids(INTRO_ONE)]
        for i, line in enumerate(lines):
            prefix += (self._newline if i else []) + line
        sample = Sample(prefix, self._side_weights(len(prefix)))
        ask, repeat, is_ = (
            self._ids("\nWhat is the special magic number for"),
            self._ids(" mentioned in the provided text? The special magic number for"),
            self._ids(" mentioned in the provided text is"),
        )
        for i in self.rng.permutation(len(needles))[:questions]:
            key, value = needles[int(i)]
            head = ask + key + repeat + key + is_
            sample.questions.append(
                ([*head, *value, self._eos], [0.0] * len(head) + [1.0] * len(value) + [_END_WEIGHT]),
            )
        return sample

    def _needle_line(self, key: list[int], value: list[int]) -> list[int]:
        return [
            *self._ids("One of the special magic numbers for"),
            *key,
            *self._ids(" is:"),
            *value,
            *self._ids("."),
        ]

    def bare(self, length: int) -> Sample:
        """Needles without their sentences, at RULER's distances between key and value.

        Nearly every token then belongs to a lookup, and heads learn it in a fraction of the time.
        """
        needles = self._needles(max(2, length // 8))
        prefix = [self._bos]
        for key, value in needles:
            prefix += [*key, *self._ids(" is:"), *value, *self._ids(".")]
        sample = Sample(prefix, [0.0] * len(prefix))
        between = self._ids(" mentioned in the provided text is")
        for i in self.rng.permutation(len(needles))[:4]:
            key, value = needles[int(i)]
            head = key + between
            weights = [0.0] * len(head) + [1.0] * len(value) + [_END_WEIGHT]
            sample.questions.append(([*head, *value, self._eos], weights))
        return sample

    def multikey(self, length: int) -> Sample:
        """`niah_multikey_2`: every line of the haystack is a needle."""
        needles = self._needles(max(2, (length - 27) // 16))
        return self._niah(needles, [self._needle_line(*needle) for needle in needles], min(40, max(4, length // 32)))

    def noise(self, length: int, needle_count: int = 1) -> Sample:
        """`niah_single_1` (one needle) and its relatives with several needles between lines of noise."""
        needles = self._needles(needle_count)
        lines = [self._noise] * max(1, (length - 27 - 16 * len(needles)) // 25)
        for needle in needles:
            lines.insert(int(self.rng.integers(len(lines) + 1)), self._needle_line(*needle))
        return self._niah(needles, lines, 4)

    def _chain(self, letters: int, noise_lines: int) -> tuple[list[int], list[int], list[int], list[int]]:
        """Returns context, question, answer prefix and answer of one variable tracking problem."""
        rng = self.rng
        names = [" " + "".join(_CAPITALS[int(i)] for i in rng.integers(26, size=letters)) for _ in range(VT_HOPS + 1)]
        number = int(rng.integers(10000, 100000))
        statements = [f"VAR{names[0]} = {number}"]
        statements += [f"VAR{name} = VAR{before} " for before, name in pairwise(names)]
        lines = [self._noise] * noise_lines
        for place, statement in reversed(
            list(
                zip(
                    sorted(int(i) for i in rng.integers(0, noise_lines + 1, len(names))),
                    statements,
                    strict=True,
                )
            )
        ):
            lines = [*lines[:place], self._ids(statement), *lines[place:]]
        context = self._ids(VT_INTRO)
        for i, line in enumerate(lines):
            context += (self._newline if i else []) + line
        question = self._ids(f"\nQuestion: Find all variables that are assigned the value {number} in the text above.")
        prefix = self._ids(
            " Answer: According to the chain(s) of variable assignment in the text above, "
            f"{len(names)} variables are assigned the value {number}, they are: "
        )
        return context, question, prefix, self._ids("".join(names))

    def tracking(self, length: int) -> Sample:
        """`vt`: one chain, four hops, with RULER's worked example whenever the length allows it."""
        tokens = [self._bos]
        if length >= 400:
            context, question, prefix, answer = self._chain(
                3, int(self.rng.integers(4, min(24, (length - 300) // 25 + 5)))
            )
            tokens += context + question + prefix + answer + self._ids("\n\n")
        rest = max(2, (length - len(tokens) - 150) // 25)
        context, question, prefix, answer = self._chain(5, rest)
        tokens += context
        head = question + prefix
        return Sample(
            tokens,
            self._side_weights(len(tokens)),
            [([*head, *answer, self._eos], [0.0] * len(head) + [1.0] * len(answer) + [_END_WEIGHT])],
        )

    def draw(self, mix: dict[str, float], length: int, count: int) -> list[Sample]:
        """Draws samples of a task mix.

        Args:
            mix: Share of each task (`ar`, `gap`, `bare`, `multikey`, `single`, `several`, `vt`).
            length: Approximate number of prefix tokens.
            count: How many samples.

        Returns:
            The samples.
        """
        tasks: dict[str, Callable[[], Sample]] = {
            "ar": lambda: self.recall(length),
            "gap": lambda: self.gap(length),
            "bare": lambda: self.bare(length),
            "multikey": lambda: self.multikey(length),
            "single": lambda: self.noise(length),
            "several": lambda: self.noise(length, 4),
            "vt": lambda: self.tracking(length),
        }
        names = list(mix)
        return [tasks[names[int(i)]]() for i in self.rng.choice(len(names), count, p=[mix[name] for name in names])]
