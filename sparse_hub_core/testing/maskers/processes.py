"""Checks across processes: a run is resumed, and its winner used, in a process that saw nothing of the first."""

from __future__ import annotations

import json

from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.other_process import elsewhere, here, unpacked
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import TIES, draw, look

SETTINGS = 3
FIRST = 17
"""The seed of a sequence that comes first, in this process only."""


@check()
def json_round_trip(subject: Subject) -> None:
    """Parameters survive JSON, here and in a fresh process."""
    for config in _some(subject):
        try:
            parameters = json.loads(json.dumps(config.parameters(), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise AssertionError(f"its parameters are no JSON: {error}") from None
        again = subject.config_class.from_parameters(parameters)
        require(again == config, f"{config!r} comes back from JSON as {again!r}")
        there = elsewhere(subject, config, "parameters")
        require(there == parameters, f"{parameters} comes back from another process as {there}")


@check()
def identity_is_stable(subject: Subject) -> None:
    """The content hash of the identity is the same under another PYTHONHASHSEED."""
    for config in _some(subject):
        same = here(subject, config, "identity") == elsewhere(subject, config, "identity")
        require(same, f"{config!r} has another identity in another process; its trials would be run again")


@check()
def same_mask_in_another_process(subject: Subject) -> None:
    """Another process reads the same keys, though it saw no other sequence before."""
    # Whatever a masker keeps outside of a sequence holds another one's by now, which the other process never saw.
    look(subject, subject.behind(subject.small), draw(subject, FIRST, subject.length).changed(0, None, 3.0))
    one, other = (unpacked(where(subject, subject.small, "pairs")) for where in (here, elsewhere))
    require(one.shape == other.shape, "another process gives a mask of another shape")
    number, read = int((one != other).sum()), int(one.sum())
    same = number <= max(2, TIES * read)
    require(same, f"another process reads other keys: {number} pairs differ where {read} are read")


def _some(subject: Subject) -> list[MaskerConfig]:
    settings = list(subject.settings(SETTINGS))
    return [settings[0], subject.small, *settings[-SETTINGS:]]
