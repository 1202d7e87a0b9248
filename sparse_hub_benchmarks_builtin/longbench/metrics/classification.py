"""The metric of the tasks that ask for a class."""

from __future__ import annotations

from collections.abc import Sequence


def classification(prediction: str, reference: str, classes: Sequence[str]) -> float:
    """Return one over the number of classes that a prediction names, 0 if the right one is not among them."""
    named = [name for name in classes if name in prediction]
    # A class within the right one's name should not count. As the official code removes while it goes through the
    # list, the class after a removed one is not looked at; scores depend on that, so it stays.
    index = 0
    while index < len(named):
        if named[index] in reference and named[index] != reference:
            del named[index]
        index += 1
    return 1.0 / len(named) if reference in named else 0.0
