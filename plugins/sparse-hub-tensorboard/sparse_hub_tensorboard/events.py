"""Event files: what TensorBoard reads, as bytes that are written at once, so that no process has one open."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import masked_crc32c
from tensorboardX.summary import hparams, scalar, text

NAME = "events.out.tfevents.sparse-hub"


def scalars(values: Mapping[str, float | None], step: int, time: float) -> list[Event]:
    """Return an event for each value that there is."""
    return [_event(scalar(tag, value), step, time) for tag, value in values.items() if value is not None]


def document(tag: str, markdown: str, time: float) -> list[Event]:
    """Return a text for the tab of texts."""
    return [_event(text(tag, markdown), 0, time)]


def session(parameters: Mapping[str, object], metrics: Mapping[str, float | None], time: float) -> list[Event]:
    """Return a row of the table of hyperparameters, which a folder of events has one of."""
    plain = {name: value if _is_number(value) else str(value) for name, value in parameters.items()}
    # Without the list of all columns, which no cell knows, TensorBoard finds them in the rows.
    _, start, end = hparams(plain, {})
    return [*(_event(part, 0, time) for part in (start, end)), *scalars(metrics, 0, time)]


def _is_number(value: object) -> bool:
    # numpy, which the columns are made with, takes no larger integer.
    return isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def is_written(folder: Path) -> bool:
    """Return whether a folder has its events."""
    return (folder / NAME).exists()


def write(folder: Path, events: Sequence[Event]) -> None:
    """Have these events in a folder and no others; a file that holds them already is left alone."""
    content, path = _records([_version(events), *events]) if events else b"", folder / NAME
    if content == (path.read_bytes() if path.exists() else b""):
        return
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{os.getpid()}.part"
    part.write_bytes(content)
    part.replace(path)


def append(folder: Path, events: Sequence[Event]) -> None:
    """Add events to those of a folder: all of them, or none where that fails."""
    if not events:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("ab", buffering=0) as file:
        start = file.tell()
        content = _records(events if start else [_version(events), *events])
        if file.write(content) < len(content):
            file.truncate(start)
            raise OSError(f"No space is left on the device for {folder / NAME}.")


def _event(summary: Summary, step: int, time: float) -> Event:
    return Event(summary=summary, step=step, wall_time=time)


def _version(events: Sequence[Event]) -> Event:
    # Its time is the run's for TensorBoard.
    return Event(file_version="brain.Event:2", wall_time=events[0].wall_time)


def _records(events: Sequence[Event]) -> bytes:
    """Return events in the frames of a TFRecord file."""
    return b"".join(map(_record, (event.SerializeToString() for event in events)))


def _record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + _check(length) + content + _check(content)


def _check(content: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(content))
