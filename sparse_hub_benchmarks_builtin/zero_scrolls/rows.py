"""The rows of one task, those that differ in their answer alone joined."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sparse_hub_core import DataError, Rows


class TaskRows:
    """The questions of one task, each with all its answers; the hub keeps all tasks in one table."""

    def __init__(self, rows: Rows, task: str) -> None:
        """Look through the rows once; texts are not kept.

        Raises:
            DataError: None of them belongs to the task, or there is no column of answers.
        """
        if len(rows) and not {"answer", "output"} & rows[0].keys():
            raise DataError(
                "The data of zero_scrolls lacks the column 'answer', which is null where an answer is hidden; name a "
                "folder of the schema of simonjegou/zero_scrolls with --data-folder zero_scrolls=DIR."
            )
        self._rows = rows
        places: dict[bytes, list[int]] = {}
        self._answers: dict[int, tuple[str, ...]] = {}
        for index in range(len(rows)):
            row = rows[index]
            if row["task"] == task:
                places.setdefault(_digest(row["context"], row["question"]), []).append(index)
                self._answers[index] = answers(row)
        if not places:
            raise DataError(
                f"The data of zero_scrolls has no row whose task is {task!r}; name a folder that has with "
                "--data-folder zero_scrolls=DIR."
            )
        self._places = list(places.values())

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self._places)

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        """Return the first row of a question, with the answers of all its rows as ``references``."""
        rows = self._places[index]
        references = dict.fromkeys(answer for row in rows for answer in self._answers[row])
        return {**self._rows[rows[0]], "references": tuple(references)}


def answers(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the answers of a row, none where they are hidden; ``output`` is what the original dataset calls them."""
    answer = row.get("answer") or row.get("output") or ()
    return tuple(str(one) for one in answer if one) if isinstance(answer, list | tuple) else (str(answer),)


def _digest(context: str, question: str) -> bytes:
    return hashlib.sha256(f"{len(context)} {context}{question}".encode("utf-8", "surrogatepass")).digest()
