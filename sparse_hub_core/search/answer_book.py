"""What requests gave to configurations in any search on this machine, so that a pair of them is measured once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from sparse_hub_core.errors import SparseHubError, UsageError
from sparse_hub_core.fidelity import Measures
from sparse_hub_core.results.files import append_lines, content_hash, read_lines
from sparse_hub_core.results.schema import AnswerLine
from sparse_hub_core.search.ladder import Rung
from sparse_hub_core.traces.place import ANSWERS

KEY_DIGITS = 24

Entry: TypeAlias = tuple[str, str, int, str]
"""The key of a configuration, a fidelity, the number of seeds, and the id of a request."""


@dataclass
class AnswerBook:
    """The answers of one task under one model and one set of settings, whatever search asked for them."""

    path: Path
    answers: dict[Entry, Measures] = field(default_factory=dict)
    writable: bool = True

    def __post_init__(self) -> None:
        try:
            lines = read_lines(self.path, AnswerLine)
        except UsageError as error:
            # Nothing is lost but time: what it held is measured again.
            warnings.warn(f"{error} It was removed.", stacklevel=2)
            self.path.unlink()
            return
        for line in lines:
            entry = (line.configuration, line.fidelity, line.num_seeds, line.request_id)
            self.answers[entry] = Measures.from_answer(line.answer)

    @classmethod
    def of(cls, directory: Path, measurement: Mapping[str, Any]) -> AnswerBook:
        """Return the book of a measurement in a folder of traces."""
        return cls(directory / ANSWERS / f"{content_hash(measurement)[:KEY_DIGITS]}.jsonl")

    def find(self, key: str, rung: Rung, request_ids: Sequence[str]) -> list[Measures]:
        """Return the answers of a configuration to the first of some requests, up to one that is not known."""
        found = []
        for request_id in request_ids:
            answer = self.answers.get((key, rung.fidelity, rung.num_seeds, request_id))
            if answer is None:
                break
            found.append(answer)
        return found

    def add(self, key: str, rung: Rung, answers: Mapping[str, Measures]) -> None:
        """Write down what requests, by their ids, gave."""
        new = {
            request_id: answer
            for request_id, answer in answers.items()
            if (key, rung.fidelity, rung.num_seeds, request_id) not in self.answers
        }
        self.answers |= {(key, rung.fidelity, rung.num_seeds, request_id): answer for request_id, answer in new.items()}
        if new and self.writable:
            self._write(key, rung, new)

    def _write(self, key: str, rung: Rung, answers: Mapping[str, Measures]) -> None:
        lines = [
            AnswerLine(
                configuration=key,
                fidelity=rung.fidelity,
                num_seeds=rung.num_seeds,
                request_id=request_id,
                answer=answer.as_answer(),
            )
            for request_id, answer in answers.items()
        ]
        try:
            append_lines(self.path, lines)
        except SparseHubError as error:
            # This search has its own files; only later ones on this machine lose something.
            self.writable = False
            reason = error.__cause__ or error
            lost = f"Later searches will measure again what this one finds: {self.path}: {reason}."
            warnings.warn(lost, stacklevel=3)
