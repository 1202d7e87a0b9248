"""The metrics of a question with several answers, all of which are wanted; texts are normalised before."""

from __future__ import annotations

from collections.abc import Sequence


def exact_match(answers: Sequence[str], references: Sequence[str]) -> float:
    """Return 1 where the answers are the references and nothing else, in any order."""
    return float(set(answers) == set(references))


def coverage(answers: Sequence[str], references: Sequence[str]) -> float:
    """Return the share of the references that are among the answers."""
    return len(set(answers) & set(references)) / len(references)


def subspan_em(answers: Sequence[str], references: Sequence[str]) -> float:
    """Return 1 where every reference has an answer of its own that contains it or is contained in it."""
    taken_by: dict[int, int] = {}

    def find_answer(reference: int, tried: set[int]) -> bool:
        """Give a reference an answer, moving those that have one where that helps."""
        for index, answer in enumerate(answers):
            fits = references[reference] in answer or answer in references[reference]
            if fits and index not in tried:
                tried.add(index)
                if index not in taken_by or find_answer(taken_by[index], tried):
                    taken_by[index] = reference
                    return True
        return False

    return float(all(find_answer(reference, set()) for reference in range(len(references))))
